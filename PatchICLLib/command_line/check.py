"""`patchicl check`: what `patchicl propagate` would read, do and write, without doing it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from PatchICLLib.command_line.propagate import ImageArgument, PaintedArgument


def check(
    image: ImageArgument,
    painted: PaintedArgument,
    output: Annotated[
        Path | None,
        typer.Argument(metavar="[OUTPUT]", show_default=False, help="Segmentation that would be written."),
    ] = None,
    axis: Annotated[str, typer.Option(help="Axis across the painted slices: auto, i, j, or k.")] = "auto",
    painted_slices: Annotated[
        str | None, typer.Option(metavar="LIST", help="Slices that count as painted though they are empty.")
    ] = None,
    ignore_slices: Annotated[
        str | None, typer.Option(metavar="LIST", help="Painted slices to learn nothing from.")
    ] = None,
    use_all_slices: Annotated[
        bool, typer.Option("--use-all-slices", help="Learn also from slices that look painted by a slip of the brush.")
    ] = False,
    labels: Annotated[
        str | None,
        typer.Option(metavar="LIST", show_default="all up to 64", help="Labels: all, or values and names of segments."),
    ] = None,
    extent: Annotated[str, typer.Option(help="Slices to fill: auto, painted, or FIRST:LAST.")] = "auto",
    region: Annotated[str | None, typer.Option(metavar="BOX", help="Label nothing beyond these voxels.")] = None,
    probability: Annotated[Path | None, typer.Option(metavar="FILE", help="Probability that would be written.")] = None,
    entropy: Annotated[Path | None, typer.Option(metavar="FILE", help="Entropy that would be written.")] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE.json", help="Report that would be written.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write what was found as JSON.")
    ] = None,
) -> None:
    """Look at a scan and its painting before anything is computed.

    Tells what was read (grid, spacing, type), along which axis and on which slices each label is painted, what looks
    odd, and which files `patchicl propagate` with the same arguments would write. What that would refuse is refused
    here, in the same words. Nothing is written but --json.

    Exit codes: 0 it can be propagated, 2 it cannot.

    Example: `patchicl check scan.nii.gz painted.seg.nrrd out.seg.nrrd`
    """
    from PatchICLLib.command_line.check_run import run_check
    from PatchICLLib.command_line.options import (
        axis_from_text,
        extent_from_text,
        labels_options,
        numbers_from_text,
        region_from_text,
    )
    from PatchICLLib.command_line.propagate_files import PropagationFiles

    options = {
        "axis": axis_from_text(axis),
        "painted_slices": None if painted_slices is None else numbers_from_text(painted_slices, "--painted-slices"),
        "ignore_slices": None if ignore_slices is None else numbers_from_text(ignore_slices, "--ignore-slices"),
        "use_all_slices": use_all_slices,
        **labels_options(labels),
        "extent": extent_from_text(extent),
        "region": None if region is None else region_from_text(region),
    }
    run_check(PropagationFiles(image, painted, output, probability, entropy, None, report), options, json_file)
