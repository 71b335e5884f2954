"""Adapts weights to a library, and tells what that gained."""

from pathlib import Path

from rich.table import Table

from PatchICLLib.command_line.console import columns, plain_console, wrote
from PatchICLLib.command_line.interrupt import interrupt_cancels
from PatchICLLib.command_line.model_options import Model
from PatchICLLib.command_line.progress_display import ProgressDisplay
from PatchICLLib.library import Library
from PatchICLLib.propagation import CancelToken
from PatchICLLib.runtime.device import resolve_device
from PatchICLLib.weights import load_weights


def run_adapt(folder: Path, minutes: float, model: Model, workers: int, quiet: bool) -> None:
    """Adapt, then print what was gained.

    Raises:
        InputError: bad input.
        Stopped: by Ctrl-C.
    """
    from PatchICLLib.adaptation.adapt import AdaptationOptions, adapt, divided

    library = Library.open(folder)
    divided(library)
    chosen, token = resolve_device(model.device), CancelToken()
    base = load_weights(model.weights, device=chosen)
    options = AdaptationOptions(minutes, str(chosen), workers)
    with ProgressDisplay(quiet, unit="steps") as display, interrupt_cancels(token):
        outcome = adapt(library, base, options, display.show, token)
    if quiet:
        return
    names = {one.label: one.name for one in library.structures}
    headings = columns(["structure"], ["before", "after", "used"])
    table = Table(*headings, title=f"Dice on case {outcome.left_out}, which was not learned from", box=None)
    for one in outcome.gains:
        used = "yes" if one.structure in outcome.used else "no"
        table.add_row(names[one.structure], f"{one.before:.3f}", f"{one.after:.3f}", used)
    console = plain_console()
    console.print(table)
    if outcome.weights is None:
        console.print(f"Nothing was gained in {outcome.steps} steps, and nothing is kept.")
    else:
        console.print(wrote(outcome.weights, f" ({outcome.steps} steps)"), soft_wrap=True)
