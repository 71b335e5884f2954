"""Leaves the cases of a library out in turn, and tells what the library is worth."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from PatchICLLib.command_line.console import plain_console, wrote
from PatchICLLib.command_line.interrupt import interrupt_cancels
from PatchICLLib.command_line.progress_display import ProgressDisplay
from PatchICLLib.errors import Cancelled, InputError, Stopped
from PatchICLLib.leaving_out.picture import draw_scores
from PatchICLLib.leaving_out.scores import PAINTED, WORSE, Score, scores, summary, trials, worths
from PatchICLLib.library import Library
from PatchICLLib.outputs import Output, check_outputs, write_json
from PatchICLLib.propagation import CancelToken, Propagator
from PatchICLLib.weights import weights_file


def run_check(
    folder: Path,
    max_cases: int | None,
    json_file: Path | None,
    plot: Path | None,
    weights: str | None,
    device: str,
    quiet: bool,
) -> None:
    """Leave cases out, then print the table and write what was asked for.

    Raises:
        InputError: bad input; nothing was written.
        Stopped: by Ctrl-C; what is known by then is written.
    """
    outputs = [Output("--json", json_file, (".json",))] if json_file is not None else []
    outputs += [Output("--plot", plot, (".png",))] if plot is not None else []
    check_outputs(outputs, {"--weights": weights_file(weights)}, {"LIBRARY": folder})
    library = Library.open(folder)
    wanted = trials(library, PAINTED, max_cases)
    propagator = Propagator.from_pretrained(weights=weights, device=device)
    known: list[Score] = []
    done, token, complete = 0, CancelToken(), False
    with ProgressDisplay(quiet, unit="runs") as display, interrupt_cancels(token):
        try:
            display.show("Leaving out", 0, len(wanted))
            for score in scores(propagator, library, wanted, token):
                done += 1
                display.show("Leaving out", done, len(wanted))
                if score is not None:
                    known.append(score)
            complete = True
        except Cancelled:
            pass
    if complete and not known:
        raise InputError(f"The structures of the library {folder} are too thin to leave slices of them unpainted.")
    if not quiet:
        _tell(library, known)
    written = []
    if json_file is not None:
        write_json(summary(library, known, complete), json_file)
        written.append(json_file)
    if plot is not None and known:
        draw_scores(known, {one.label: one.name for one in library.structures}, plot)
        written.append(plot)
    for path in written if not quiet else ():
        plain_console().print(wrote(path), soft_wrap=True)
    if not complete:
        kept = f"; {' and '.join(map(str, written))} hold what is known by then" if written else ""
        raise Stopped(f"Stopped after {done} of {len(wanted)} runs{kept}.")


def _tell(library: Library, known: list[Score]) -> None:
    table = Table("structure", title="Dice on slices that are not painted, without and with the other cases", box=None)
    titles = ("painted", "cases", "without", "with", f"worse by > {WORSE}", "not listened to")
    for title in titles:
        table.add_column(title, justify="right")
    names = {one.label: one.name for one in library.structures}
    for one in worths(known):
        without = "" if one.without is None else f"{one.without:.3f}"
        worse = "" if one.worse is None else str(one.worse)
        numbers = str(one.painted), str(one.cases), without, f"{one.library:.3f}", worse, str(one.unheard)
        table.add_row(names[one.structure], *numbers)
    console = plain_console()
    if known:
        console.print(table)
    alone = [one.name for one in library.structures if len(library.cases_with(one.label)) < 2]
    if alone:
        console.print(
            f"Finished in one case only, and so not tried: {', '.join(alone)}", style="yellow", soft_wrap=True
        )
