"""Runs `patchicl overfit` and says what was reached."""

from pathlib import Path

from PatchICLLib.command_line.console import plain_console
from PatchICLLib.command_line.progress_display import ProgressDisplay
from PatchICLLib.outputs import check_output_file, write_json
from PatchICLLib.presets import preset
from PatchICLLib.runtime.device import resolve_device
from PatchICLLib.training.overfit import OverfitOptions, overfit


def run_overfit(name: str, options: OverfitOptions, device: str, json_file: Path | None, quiet: bool) -> bool:
    """Returns whether the goal was reached."""
    configuration = preset(name).configuration()
    chosen = resolve_device(device)
    if json_file is not None:
        check_output_file(json_file, (".json",), "--json")
    with ProgressDisplay(quiet, "steps") as display:

        def announce(step: int, loss: float, dice: float) -> None:
            display.show(f"Loss {loss:.3f}, Dice {dice:.3f}", step, options.steps)

        report = overfit(configuration, options, chosen, announce)
    reached = report.mean > options.goal
    plain_console().print(
        f"{name}: Dice on the training slices {report.mean:.3f} (worst {report.worst:.3f}) after {report.steps} steps, "
        f"{report.seconds:.0f} s; the goal of {options.goal:g} was {'reached' if reached else 'not reached'}."
    )
    if json_file is not None:
        write_json({"preset": name, "device": str(chosen), "reached": reached, **report.to_json()}, json_file)
    return reached
