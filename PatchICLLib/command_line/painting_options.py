"""Options by which several commands say what of a painting counts, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

AxisOption = Annotated[str, typer.Option(help="Axis across the painted slices: auto, i, j, or k.")]
PaintedSlicesOption = Annotated[
    str | None,
    typer.Option(metavar="LIST", help="Slices that count as painted though they are empty, such as 3,17 or k=3,i=40."),
]
IgnoreSlicesOption = Annotated[
    str | None,
    typer.Option(
        metavar="LIST", help="Painted slices to learn nothing from, such as 3,17 or k=3,i=40; their voxels stay."
    ),
]
UseAllSlicesOption = Annotated[
    bool, typer.Option("--use-all-slices", help="Learn also from slices that look painted by a slip of the brush.")
]
LabelsOption = Annotated[
    str | None,
    typer.Option(
        metavar="LIST",
        show_default="all up to 64",
        help="Labels to propagate: all (up to 255), or values and exact names of segments, such as 1,liver.",
    ),
]
ExtentOption = Annotated[
    str,
    typer.Option(
        help="Slices to fill: auto (the model finds the ends), painted (between the painted slices), or FIRST:LAST."
    ),
]
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


def painting_options(
    axis: str,
    use_all_slices: bool,
    labels: str | None,
    extent: str,
) -> dict[str, Any]:
    """Options of ``Propagator.propagate`` from the texts that hold for every scan."""
    from PatchICLLib.command_line.options import axis_from_text, extent_from_text, labels_options

    return {
        "axis": axis_from_text(axis),
        "use_all_slices": use_all_slices,
        **labels_options(labels),
        "extent": extent_from_text(extent),
    }


def scan_options(painted_slices: str | None, ignore_slices: str | None, region: str | None) -> dict[str, Any]:
    """Options from the texts that hold for one scan: they count its slices and voxels."""
    from PatchICLLib.command_line.options import region_from_text, slices_from_text

    return {
        "painted_slices": None if painted_slices is None else slices_from_text(painted_slices, "--painted-slices"),
        "ignore_slices": None if ignore_slices is None else slices_from_text(ignore_slices, "--ignore-slices"),
        "region": None if region is None else region_from_text(region),
    }
