"""Leaves the cases of a library out in turn, and tells what the library is worth."""

import json
from pathlib import Path
from typing import Any

from rich.table import Table

from PatchICLLib.command_line.console import columns, plain_console, wrote
from PatchICLLib.command_line.interrupt import interrupt_cancels
from PatchICLLib.command_line.model_options import Engine
from PatchICLLib.command_line.progress_display import ProgressDisplay
from PatchICLLib.errors import Cancelled, InputError, Stopped
from PatchICLLib.leaving_out.picture import draw_scores
from PatchICLLib.leaving_out.scores import (
    PAINTED,
    WORSE,
    Score,
    known_before,
    measured_of,
    scores,
    summary,
    trials,
    worths,
)
from PatchICLLib.library import Library
from PatchICLLib.outputs import Output, check_outputs, write_json
from PatchICLLib.propagation import CancelToken, Propagator
from PatchICLLib.weights import weights_file


def run_check(
    folder: Path, max_cases: int | None, json_file: Path | None, plot: Path | None, engine: Engine, quiet: bool
) -> None:
    """Leave cases out, then print the table and write what was asked for; go on where it was stopped before.

    Raises:
        InputError: bad input; nothing was written.
        Stopped: by Ctrl-C; what is known by then is written.
    """
    outputs = [Output("--json", json_file, (".json",))] if json_file is not None else []
    outputs += [Output("--plot", plot, (".png",))] if plot is not None else []
    check_outputs(outputs, {"--weights": weights_file(engine.weights)}, {"LIBRARY": folder})
    library = Library.open(folder)
    wanted = trials(library, PAINTED, max_cases)
    propagator, options = Propagator.from_pretrained(**engine.arguments()), engine.options()
    of = measured_of(library, propagator.pretrained.sha256, options)
    known = known_before(None if json_file is None else _read(json_file), of, wanted)
    tried = {one.of for one in known}
    left = [one for one in wanted if one.of not in tried]
    done, token, complete = len(known), CancelToken(), False
    with ProgressDisplay(quiet, unit="runs") as display, interrupt_cancels(token):
        try:
            display.show("Leaving out", done, len(wanted))
            for score in scores(propagator, library, left, token, options=options):
                done += 1
                display.show("Leaving out", done, len(wanted))
                if score is not None:
                    known.append(score)
                if json_file is not None:
                    write_json(summary(library, known, False, of), json_file)
            complete = True
        except Cancelled:
            pass
    if complete and not known:
        raise InputError(f"The structures of the library {folder} are too thin to leave slices of them unpainted.")
    if not quiet:
        _tell(library, known)
    written = []
    if json_file is not None:
        write_json(summary(library, known, complete, of), json_file)
        written.append(json_file)
    if plot is not None and known:
        draw_scores(known, {one.label: one.name for one in library.structures}, plot)
        written.append(plot)
    for path in written if not quiet else ():
        plain_console().print(wrote(path), soft_wrap=True)
    if not complete:
        kept = f"; {' and '.join(map(str, written))} hold what is known by then" if written else ""
        kept += ", and the same command goes on from there" if json_file is not None else ""
        raise Stopped(f"Stopped after {done} of {len(wanted)} runs{kept}.")


def _read(path: Path) -> Any:
    """What is there already; None if it is not JSON, which is replaced as ever."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _tell(library: Library, known: list[Score]) -> None:
    numbers = ("painted", "cases", "without", "with", f"worse by > {WORSE}", "not listened to")
    title = "Dice on slices that are not painted, without and with the other cases"
    table = Table(*columns(["structure"], numbers), title=title, box=None)
    names = {one.label: one.name for one in library.structures}
    for one in worths(known):
        without = "" if one.without is None else f"{one.without:.3f}"
        worse = "" if one.worse is None else str(one.worse)
        dice = without, f"{one.library:.3f}"
        table.add_row(names[one.structure], str(one.painted), str(one.cases), *dice, worse, str(one.unheard))
    console = plain_console()
    if known:
        console.print(table)
    alone = [one.name for one in library.structures if len(library.cases_with(one.label)) < 2]
    if alone:
        console.print(
            f"Finished in one case only, and so not tried: {', '.join(alone)}", style="yellow", soft_wrap=True
        )
