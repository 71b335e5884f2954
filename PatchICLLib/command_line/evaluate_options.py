"""Options of `patchicl evaluate`, declared once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from PatchICLLib.command_line.model_options import DeviceOption, Model
from PatchICLLib.errors import InputError

SourcesOption = Annotated[str, typer.Option(metavar="LIST", help="Only these sources (folder names); all of them.")]
SplitOption = Annotated[
    str, typer.Option(help="all, or development: only the cases that training never sees (datasets/split.py).")
]
PixelsOption = Annotated[int, typer.Option(min=1, metavar="N", help="Foreground pixels that a slice needs.")]
ShardOption = Annotated[
    str, typer.Option(metavar="I/N", help="Do only part I of N, on any machine; all parts share one --output.")
]
ResumeOption = Annotated[
    bool, typer.Option("--resume/--no-resume", help="Keep what an earlier run has finished, or start anew.")
]
JsonOption = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write the summary as JSON.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress bar.")]
KOption = Annotated[str, typer.Option("--k", metavar="LIST", help="Numbers of painted slices.")]
CasesArgument = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        show_default=False,
        help="Folder, searched recursively, with pairs CASE_image and CASE_label; each folder is one source.",
    ),
]


def is_development_only(split: str) -> bool:
    """Whether --split leaves only the development cases.

    Raises:
        InputError: it is neither all nor development.
    """
    if split not in ("all", "development"):
        raise InputError(f"--split must be all or development, but it is {split}.")
    return split == "development"


# ---- propagation in volumes ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judged:
    """Which structures are judged."""

    axis: Annotated[
        str, typer.Option(help="Axis across the slices: i, j, k, or auto: that with the largest spacing, else k.")
    ] = "auto"
    sources: SourcesOption = ""
    split: SplitOption = "all"
    max_structures: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="At most so many structures of each source.")
    ] = None


@dataclass(frozen=True)
class JudgedDevelopment(Judged):
    """The same; of the development split, if nothing is said."""

    split: SplitOption = "development"


@dataclass(frozen=True)
class Product(Model):
    """The product's network."""

    quiet: QuietOption = False


@dataclass(frozen=True)
class Networks(Product):
    """The networks among the methods."""

    universeg_weights: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="Bundled weights or a file, for the method universeg.")
    ] = None


# ---- experiments in 2D -----------------------------------------------------------------------------------------------


ModelsOption = Annotated[
    str,
    typer.Option(
        metavar="LIST",
        help="sparse, paper, universeg, mean-mask, a weights file, or NAME=FILE; UniverSeg's official FILE.pt too.",
    ),
]
ResolutionsOption = Annotated[
    str, typer.Option(metavar="LIST", help="Sides of the network's input in pixels, such as 128,256,512.")
]


@dataclass(frozen=True)
class Compared:
    """Which models are compared, on what, and where results go."""

    output: Annotated[
        Path, typer.Option(metavar="DIR", show_default=False, help="Where results (JSON lines) and figures go.")
    ]
    models: ModelsOption = "sparse,mean-mask"
    resolutions: ResolutionsOption = "128"
    context: Annotated[int, typer.Option(min=1, metavar="N", help="Context pairs of each target.")] = 3
    seed: Annotated[int, typer.Option(min=0, help="Of the draw of context.")] = 0
    shard: ShardOption = "1/1"
    processes: Annotated[int, typer.Option(min=1, metavar="N", help="Processes on this machine.")] = 1
    json_file: JsonOption = None
    resume: ResumeOption = True
    compute: Annotated[
        bool, typer.Option("--compute/--no-compute", help="Count operations, and draw them and Dice by resolution.")
    ] = True
    device: DeviceOption = "auto"
    quiet: QuietOption = False


@dataclass(frozen=True)
class ComparedByResolution(Compared):
    """The same; the paper's models at the paper's resolutions, if nothing is said."""

    models: ModelsOption = "paper,universeg,sparse,mean-mask"
    resolutions: ResolutionsOption = "128,256,512"


@dataclass(frozen=True)
class Sliced:
    """How volumes are cut into slices, and where context comes from."""

    same_case: Annotated[
        bool,
        typer.Option("--same-case/--other-cases", help="Take context from the target's own case first, or never."),
    ] = True
    axes: Annotated[str, typer.Option(metavar="LIST", help="Axes across the slices, of i, j, and k.")] = "i,j,k"
    minimum_pixels: PixelsOption = 30
    slices: Annotated[int, typer.Option(min=1, metavar="N", help="Slices of a structure, by case and axis.")] = 6
