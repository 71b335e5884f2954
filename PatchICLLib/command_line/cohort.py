"""`patchicl cohort`: propagation over hundreds of scans."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from PatchICLLib.command_line.model_options import Engine
from PatchICLLib.command_line.option_groups import with_groups
from PatchICLLib.command_line.painting_options import HandPainting, LibraryOption, MatchOption


@dataclass(frozen=True)
class CohortRequest:
    """Which scans are done, and by whom."""

    manifest: Annotated[
        Path,
        typer.Argument(
            metavar="MANIFEST", show_default=False, help="CSV or JSON: image, painted, output, a scan a line."
        ),
    ]
    processes: Annotated[int, typer.Option(min=1, metavar="N", help="Processes on this machine.")] = 1
    dask: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", show_default=False, help="A Dask scheduler such as tcp://head:8786, or local."),
    ] = None
    attempts: Annotated[
        int, typer.Option(min=1, metavar="N", help="How often a case may take its process with it.")
    ] = 3
    library: LibraryOption = None
    match: MatchOption = None
    seed: Annotated[
        int, typer.Option(help="Of random choices; preset sparse makes none, so it changes nothing there.")
    ] = 0
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Leave finished cases alone, or do all of them again.")
    ] = True
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write the report as JSON.")] = (
        None
    )
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar, and a report of failures only.")] = False


@with_groups
def cohort(request: CohortRequest, painting: HandPainting, engine: Engine) -> None:
    """Propagate the painted slices of many scans.

    The manifest has a line for each scan with the columns image, painted, and output, and if wanted name, probability,
    entropy, outside, inside, axis, painted_slices, ignore_slices, use_all_slices (yes or no), labels, extent, and
    context_size, which go before the options here. Relative paths start at the manifest's folder. Beside each output a
    report OUTPUT.report.json is written; it tells that the case is finished, and from what. The same command goes on
    where a run was stopped or killed: finished cases are never done again unless their files, options, or weights
    change.

    With --library, finished cases of earlier patients help; a scan without a painting is segmented by them alone.

    A process that dies, for instance of lack of memory, is replaced and its case begun again. A scan that something
    is wrong with does not hold up the others. With --dask all machines must see the files under the same names.

    Exit codes: 0 all cases are finished, 2 bad input or some cases failed, 130 stopped with Ctrl-C.

    Example: `patchicl cohort scans.csv --processes 4 --json report.json`
    """
    from PatchICLLib.command_line.cohort_run import run_from_manifest

    run_from_manifest(request, engine, {**painting.options(), **engine.options(), "seed": request.seed})
