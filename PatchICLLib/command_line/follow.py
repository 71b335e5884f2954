"""`patchicl follow`: from one painted frame to all frames of a sequence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from PatchICLLib.command_line.painting_options import AxisOption, ExtentOption, LabelsOption, painting_options


def follow(
    frames: Annotated[
        Path,
        typer.Argument(
            metavar="FRAMES",
            show_default=False,
            help="Folder of 3D images in the order of their names, or one 4D file (NIfTI, NRRD, .seq.nrrd, MetaImage).",
        ),
    ],
    painted: Annotated[
        Path,
        typer.Argument(
            metavar="PAINTED",
            show_default=False,
            help="Label map, .seg.nrrd or DICOM SEG on the grid of one frame: a few painted slices, or all of them.",
        ),
    ],
    output_folder: Annotated[
        Path,
        typer.Argument(
            metavar="OUTPUT_FOLDER", show_default=False, help="Gets a segmentation and a report for each frame."
        ),
    ],
    frame: Annotated[
        int, typer.Option(min=0, metavar="N", help="Which frame PAINTED belongs to, 0 for the first.")
    ] = 0,
    axis: AxisOption = "auto",
    labels: LabelsOption = None,
    extent: ExtentOption = "auto",
    weights: Annotated[str | None, typer.Option(metavar="NAME|FILE", help="Bundled weights or a file.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, or mps.")] = "auto",
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Leave finished frames alone, or do all of them again.")
    ] = True,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print neither progress nor summary.")] = False,
) -> None:
    """Segment all frames of a sequence from one that is painted.

    The painted frame is propagated as `patchicl propagate` does. Then its segmentation is carried from frame to frame
    with the motion between them, to the end and to the start of the sequence; what drifts is mended against the painted
    frame. Painted slices come back bit for bit. Frames may lie on different grids, but in the same frame of reference:
    a patient who lay elsewhere in the scanner has to be registered first. What appears or vanishes on the way cannot be
    carried along.

    The same command goes on where a run was stopped.

    Exit codes: 0 done, 2 bad input, 130 stopped with Ctrl-C.

    Example: `patchicl follow heart.nii.gz painted.nii.gz out --frame 4`
    """
    from PatchICLLib.command_line.follow_run import FollowRequest, run_follow

    options = painting_options(axis, False, labels, extent)
    run_follow(FollowRequest(frames, painted, output_folder, frame, options, weights, device, resume, quiet))
