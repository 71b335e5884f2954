"""`patchicl follow`: from one painted frame to all frames of a sequence."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from PatchICLLib.command_line.model_options import Model
from PatchICLLib.command_line.option_groups import with_groups
from PatchICLLib.command_line.painting_options import Painting


@dataclass(frozen=True, kw_only=True)
class FollowRequest(Model, Painting):
    """What is followed from where, and where it goes."""

    frames: Annotated[
        Path,
        typer.Argument(
            metavar="FRAMES",
            show_default=False,
            help="Folder of 3D images in the order of their names, or one 4D file (NIfTI, NRRD, .seq.nrrd, MetaImage).",
        ),
    ]
    painted: Annotated[
        Path,
        typer.Argument(
            metavar="PAINTED",
            show_default=False,
            help="Label map, .seg.nrrd or DICOM SEG on the grid of one frame: a few painted slices, or all of them.",
        ),
    ]
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="OUTPUT_FOLDER", show_default=False, help="Gets a segmentation and a report for each frame."
        ),
    ]
    frame: Annotated[int, typer.Option(min=0, metavar="N", help="Which frame PAINTED belongs to, 0 for the first.")] = 0
    finished: Annotated[
        bool | None,
        typer.Option(
            "--finished/--not-finished",
            show_default="by how it looks",
            help="Whether PAINTED is followed as it is, or its other slices are filled first.",
        ),
    ] = None
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Leave finished frames alone, or do all of them again.")
    ] = True
    quiet: Annotated[bool, typer.Option("--quiet", help="Print neither progress nor summary.")] = False


@with_groups
def follow(request: FollowRequest) -> None:
    """Segment all frames of a sequence from one that is painted.

    The painted frame is propagated as `patchicl propagate` does, unless PAINTED looks finished; the summary says what
    it was taken for. Then its segmentation is carried from frame to frame with the motion between them, to the end and
    to the start of the sequence; what drifts is mended against the painted frame. Painted slices come back bit for bit.
    Frames may lie on different grids, but in the same frame of reference: a patient who lay elsewhere in the scanner
    has to be registered first. What appears or vanishes on the way cannot be carried along.

    The same command goes on where a run was stopped.

    Exit codes: 0 done, 2 bad input, 130 stopped with Ctrl-C.

    Example: `patchicl follow heart.nii.gz painted.nii.gz out --frame 4`
    """
    from PatchICLLib.command_line.follow_run import run_follow

    run_follow(request)
