"""`patchicl overfit`: proof that a model learns."""

from pathlib import Path
from typing import Annotated

import typer

from PatchICLLib.command_line.model_options import DeviceOption


def overfit(
    preset: Annotated[str, typer.Option(help="sparse, paper, or universeg.")] = "paper",
    tasks: Annotated[int, typer.Option(min=1, help="How many tasks.")] = 3,
    targets: Annotated[int, typer.Option(min=1, help="Target images of each task.")] = 1,
    context: Annotated[int, typer.Option(min=1, help="Context images of each task.")] = 2,
    size: Annotated[int, typer.Option(min=32, help="Side of the images in pixels.")] = 64,
    goal: Annotated[float, typer.Option(min=0, max=1, help="Mean Dice on the training slices to reach.")] = 0.95,
    steps: Annotated[int, typer.Option(min=1, help="Give up after so many steps.")] = 600,
    device: DeviceOption = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Of tasks, weights and selection noise.")] = 1,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the course as JSON.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Train a fresh model on a few made-up tasks until it knows them by heart, without any hints.

    Exit code 1 if the goal is not reached. Takes minutes on a CPU.
    """
    from PatchICLLib.command_line.overfit_run import run_overfit
    from PatchICLLib.training.overfit import OverfitOptions
    from PatchICLLib.training.tasks import TaskShape

    options = OverfitOptions(tasks=tasks, shape=TaskShape(context, targets, size), goal=goal, steps=steps, seed=seed)
    if not run_overfit(preset, options, device, json_file, quiet):
        raise typer.Exit(1)
