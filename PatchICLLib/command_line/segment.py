"""`patchicl segment`: a 2D image, or a volume slice by slice, from examples of other images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def segment(
    target: Annotated[
        Path,
        typer.Argument(
            metavar="TARGET",
            show_default=False,
            help="2D image to segment, or a volume (every slice along k).",
        ),
    ],
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUTPUT", show_default=False, help="Label map to write: .png or .tif of a 2D image, or .nii.gz, ..."
        ),
    ],
    context: Annotated[
        list[str],
        typer.Option(
            metavar="IMAGE:MASK",
            show_default=False,
            help="An example: another image and its label map. Repeat it; 3 to 16 examples work best.",
        ),
    ],
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            show_default="all up to 64",
            help="Labels to segment: all (up to 255), or values and exact names of segments, such as 1,liver.",
        ),
    ] = None,
    weights: Annotated[str | None, typer.Option(metavar="NAME|FILE", help="Bundled weights or a file.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, or mps.")] = "auto",
    probability: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the probability of the likeliest label, 0 to 1.")
    ] = None,
    entropy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write where the model is unsure, in bits, 0 to 1.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print errors only.")] = False,
) -> None:
    """Segment one image from examples of other images, without training.

    The examples show what to segment: the same structure in images of the same kind. Each label of their masks is a
    task of its own. A volume given as an example counts with its slices (along k) on which something is labelled.

    Exit codes: 0 done, 2 bad input, 130 cancelled with Ctrl-C. After 2 nothing is written; after
    130 the last line says what was, which is all or nothing.

    Example: `patchicl segment new.png mask.png --context a.png:a_mask.png --context b.png:b_mask.png`
    """
    from PatchICLLib.command_line.options import labels_options
    from PatchICLLib.command_line.segment_files import SegmentationFiles, segment_files

    files = SegmentationFiles(target, tuple(context), output, probability, entropy)
    segment_files(files, {"weights": weights, "device": device}, quiet=quiet, **labels_options(labels))
