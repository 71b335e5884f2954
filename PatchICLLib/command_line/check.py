"""`patchicl check`: what `patchicl propagate` would read, do and write, without doing it."""

from pathlib import Path
from typing import Annotated

import typer

from PatchICLLib.command_line.option_groups import with_groups
from PatchICLLib.command_line.painting_options import (
    InsideOption,
    LibraryOption,
    MatchOption,
    OutsideOption,
    ScanPainting,
)
from PatchICLLib.command_line.propagate import CandidatesOption, ImageArgument, PaintedArgument


@with_groups
def check(
    image: ImageArgument,
    painted: PaintedArgument,
    painting: ScanPainting,
    output: Annotated[
        Path | None,
        typer.Argument(metavar="[OUTPUT]", show_default=False, help="Segmentation that would be written."),
    ] = None,
    outside: OutsideOption = None,
    inside: InsideOption = None,
    library: LibraryOption = None,
    match: MatchOption = None,
    candidates: CandidatesOption = 1,
    probability: Annotated[Path | None, typer.Option(metavar="FILE", help="Probability that would be written.")] = None,
    entropy: Annotated[Path | None, typer.Option(metavar="FILE", help="Entropy that would be written.")] = None,
    selections: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Patches chosen at each level that would be written.")
    ] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE.json", help="Report that would be written.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write what was found as JSON.")
    ] = None,
) -> None:
    """Look at a scan and its painting before anything is computed.

    Tells what was read (grid, spacing, type), along which axis and on which slices each label is painted, what looks
    odd, which structures the library knows from how many cases, and which files `patchicl propagate` with the same
    arguments would write. What that would refuse is refused here, in the same words. Nothing is written but --json.

    Exit codes: 0 it can be propagated, 2 it cannot.

    Example: `patchicl check scan.nii.gz painted.seg.nrrd out.seg.nrrd`
    """
    from PatchICLLib.command_line.check_run import run_check
    from PatchICLLib.command_line.propagate_files import PropagationFiles
    from PatchICLLib.segmentations.limits import LimitFiles

    limits = LimitFiles(outside, inside)
    files = PropagationFiles(
        image, painted, output, probability, entropy, selections, report, library, match, limits, candidates
    )
    run_check(files, painting.options(), json_file)
