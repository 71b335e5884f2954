"""Options by which several commands say what of a painting counts, declared once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from PatchICLLib.command_line.options import (
    axis_from_text,
    extent_from_text,
    labels_options,
    region_from_text,
    slices_from_text,
)

OutsideOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        show_default=False,
        help="Segmentation of other structures: nothing is where it has labels.",
    ),
]
InsideOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        show_default=False,
        help="Segmentation that contains what is painted, as an organ its lesion: nothing is where it has no label.",
    ),
]
LibraryOption = Annotated[
    Path | None,
    typer.Option(
        "--library",
        metavar="FOLDER",
        show_default=False,
        help="Finished cases to learn from as well: `patchicl library`.",
    ),
]
MatchOption = Annotated[
    str | None,
    typer.Option(
        metavar="LIST",
        help="Which label is which structure of the library, such as 1=liver,2=spleen; named segments are known by "
        "terminology or name.",
    ),
]
RegionOption = Annotated[
    str | None,
    typer.Option(metavar="BOX", help="Label nothing beyond these voxels, such as i=40:200,j=30:180,k=5:90."),
]


@dataclass(frozen=True)
class Painting:
    """What of a painting counts, and which slices are filled from it."""

    axis: Annotated[str, typer.Option(help="Axis across the painted slices: auto, i, j, or k.")] = "auto"
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            show_default="all up to 64",
            help="Labels to segment: all (up to 255), or values and exact names of segments, such as 1,liver.",
        ),
    ] = None
    extent: Annotated[
        str,
        typer.Option(
            help="Slices to fill: auto (the model finds the ends), painted (between the painted slices), or FIRST:LAST."
        ),
    ] = "auto"

    def options(self) -> dict[str, Any]:
        """Those of ``Propagator.propagate``.

        Raises:
            InputError: a text makes no sense.
        """
        return {
            "axis": axis_from_text(self.axis),
            **labels_options(self.labels),
            "extent": extent_from_text(self.extent),
        }


@dataclass(frozen=True)
class HandPainting(Painting):
    """The same of what was painted by hand, which slips."""

    use_all_slices: Annotated[
        bool, typer.Option("--use-all-slices", help="Learn also from slices that look painted by a slip of the brush.")
    ] = False

    def options(self) -> dict[str, Any]:
        return {**super().options(), "use_all_slices": self.use_all_slices}


@dataclass(frozen=True)
class ScanPainting(HandPainting):
    """The same of one scan, whose slices and voxels are counted."""

    painted_slices: Annotated[
        str | None,
        typer.Option(
            metavar="LIST", help="Slices that count as painted though they are empty, such as 3,17 or k=3,i=40."
        ),
    ] = None
    ignore_slices: Annotated[
        str | None,
        typer.Option(
            metavar="LIST", help="Painted slices to learn nothing from, such as 3,17 or k=3,i=40; their voxels stay."
        ),
    ] = None
    region: RegionOption = None

    def options(self) -> dict[str, Any]:
        painted, ignored = self.painted_slices, self.ignore_slices
        return {
            **super().options(),
            "painted_slices": None if painted is None else slices_from_text(painted, "--painted-slices"),
            "ignore_slices": None if ignored is None else slices_from_text(ignored, "--ignore-slices"),
            "region": region_from_text(self.region),
        }
