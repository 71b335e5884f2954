"""`patchicl library`: finished cases of earlier patients, in a folder."""

from pathlib import Path
from typing import Annotated

import typer

from PatchICLLib.command_line.model_options import Engine, Model
from PatchICLLib.command_line.option_groups import with_groups

library = typer.Typer(
    help="Keep finished cases of earlier patients. Nothing but voxels, geometry and the structures' names is kept, and "
    "nothing leaves this machine.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

LibraryArgument = Annotated[Path, typer.Argument(metavar="LIBRARY", show_default=False, help="Folder of the library.")]
JsonOption = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write it as JSON.")]


@library.command(no_args_is_help=True)
def add(
    folder: Annotated[
        Path, typer.Argument(metavar="LIBRARY", show_default=False, help="Folder of the library; made if missing.")
    ],
    image: Annotated[
        Path, typer.Argument(metavar="IMAGE", show_default=False, help="3D scalar image, or a DICOM folder.")
    ],
    labels: Annotated[
        Path,
        typer.Argument(
            metavar="LABELS",
            show_default=False,
            help="Finished segmentation, complete in the whole scan: a label map, a .seg.nrrd, or a DICOM SEG.",
        ),
    ],
    names: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Names of labels, such as 1=liver,2=spleen; .seg.nrrd and DICOM SEG bring theirs. Only what has a "
            "name is added.",
        ),
    ] = None,
    date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="A date to keep with the case; without it, none is.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="If the same scan is in the library already, take that case's place.")
    ] = False,
) -> None:
    """Add a finished case.

    Kept is the part of the scan around the structures, with where it lay, and the label maps. The file's name, its
    header's texts and everything else of the patient are left behind. In later patients a structure is known again by
    its terminology or its name, never by its number; names such as Segment_1 are nobody's.

    Exit codes: 0 it was added, 2 it was not and nothing was changed.

    Example: `patchicl library add livers scan.nii.gz labels.nii.gz --names 1=liver,2=spleen`
    """
    from PatchICLLib.command_line.library_run import run_add

    run_add(folder, image, labels, names, date, replace)


@library.command("list", no_args_is_help=True)
def list_cases(folder: LibraryArgument, json_file: JsonOption = None) -> None:
    """Show the structures and cases of a library.

    Example: `patchicl library list livers`
    """
    from PatchICLLib.command_line.library_run import run_list

    run_list(folder, json_file)


@library.command(no_args_is_help=True)
def remove(
    folder: LibraryArgument,
    numbers: Annotated[
        list[int], typer.Argument(metavar="NUMBER...", show_default=False, help="Numbers of cases, as list shows them.")
    ],
) -> None:
    """Remove cases for good, and all weights that were adapted with them.

    Example: `patchicl library remove livers 3`
    """
    from PatchICLLib.command_line.library_run import run_remove

    run_remove(folder, numbers)


@library.command(no_args_is_help=True)
def merge(
    folder: Annotated[
        Path,
        typer.Argument(metavar="LIBRARY", show_default=False, help="Library that gets the cases; made if missing."),
    ],
    other: Annotated[
        Path,
        typer.Argument(metavar="OTHER", show_default=False, help="Library that they come from; it stays as it is."),
    ],
) -> None:
    """Add all cases of another library, all of them or none; scans that are there already are left out.

    Example: `patchicl library merge livers livers-of-a-colleague`
    """
    from PatchICLLib.command_line.library_run import run_merge

    run_merge(folder, other)


@library.command("check", no_args_is_help=True)
@with_groups
def check_library(
    folder: LibraryArgument,
    engine: Engine,
    max_cases: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Leave out only the N latest cases of each structure.")
    ] = None,
    json_file: JsonOption = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also draw Dice against painted slices, as a .png.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print neither progress nor table.")] = False,
) -> None:
    """Measure what a library is worth, each case left out in turn.

    The case is found again from 0, 1 and 3 of its own slices, with all other cases as library and without any. A
    structure needs two cases. Cases are kept as they were cut around their structures, so that with nothing painted a
    whole scan is harder than this. Several scans of one patient make a library look better than it is.

    Exit codes: 0 done, 2 bad input, 130 stopped with Ctrl-C; what is known by then is printed and written. With --json
    the same command goes on from there, also after it was killed, as long as cases, weights and options are the same.

    Example: `patchicl library check livers --json livers.json --plot livers.png`
    """
    from PatchICLLib.command_line.library_check_run import run_check

    run_check(folder, max_cases, json_file, plot, engine, quiet)


@library.command(no_args_is_help=True)
@with_groups
def adapt(
    folder: LibraryArgument,
    model: Model,
    minutes: Annotated[float, typer.Option(min=0.01, max=1440, metavar="N", help="How long to train.")] = 5.0,
    workers: Annotated[int, typer.Option(min=0, help="Processes that prepare tasks.")] = 1,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print neither progress nor table.")] = False,
) -> None:
    """Let the weights go on learning from a library's cases.

    One case is left out, and its structures are found from 3 of their slices with the weights before and after. The
    new weights lie in the library's folder and are used with it, for the structures that gained, where these are
    painted on 3 slices or more; if none gained, nothing is kept. Removing a case that they saw removes them.

    Exit codes: 0 done, 2 bad input, 130 stopped with Ctrl-C; the same command goes on from there.

    Example: `patchicl library adapt livers --minutes 10`
    """
    from PatchICLLib.command_line.library_adapt_run import run_adapt

    run_adapt(folder, minutes, model, workers, quiet)
