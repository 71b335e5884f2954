"""Runs `patchicl train`: checks, prepares, trains, and tells what came out."""

from __future__ import annotations

import dataclasses
import importlib.util
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from PatchICLLib.command_line.interrupt import interrupt_cancels
from PatchICLLib.command_line.options import write_json
from PatchICLLib.command_line.progress_display import ProgressDisplay, time_text
from PatchICLLib.device import resolve_device
from PatchICLLib.errors import InputError, Stopped
from PatchICLLib.images import check_output_file
from PatchICLLib.propagation import CancelToken
from PatchICLLib.training.checkpoint import Checkpoint
from PatchICLLib.training.curves import draw_curves, read_log
from PatchICLLib.training.data_folder import DataFolder, inspect
from PatchICLLib.version import __version__

CURVES = "curves.png"


@dataclass(frozen=True)
class TrainingRequest:
    """The options of `patchicl train`, see there."""

    data: Path | None
    output: Path
    recipe: str
    steps: int | None
    max_minutes: float | None
    resume: bool
    device: str
    workers: int
    seed: int | None
    json_file: Path | None
    export: Path | None
    start_from: str | None
    quiet: bool


def run_training(request: TrainingRequest) -> None:
    """Train as requested.

    Raises:
        InputError: bad options or data.
        Stopped: by Ctrl-C.
    """
    if importlib.util.find_spec("monai") is None:
        raise InputError("Training needs MONAI, which is not installed: run `pip install patchicl[train]`.")
    from PatchICLLib.presets import preset_of
    from PatchICLLib.training.export import export
    from PatchICLLib.training.mixture import training_mixture
    from PatchICLLib.training.pseudo_labels import prepare
    from PatchICLLib.training.recipe import RECIPES
    from PatchICLLib.training.trainer import CHECKPOINT, LOG, PICTURES, Trainer, TrainerOptions
    from PatchICLLib.training.validation import ValidationSet
    from PatchICLLib.training.volumes import scans_without_names
    from PatchICLLib.weights import load_weights

    if request.recipe not in RECIPES:
        raise InputError(f"--recipe must be one of {', '.join(RECIPES)}, but it is {request.recipe}.")
    recipe = RECIPES[request.recipe]
    recipe = replace(recipe, steps=request.steps or recipe.steps)
    recipe = replace(recipe, seed=recipe.seed if request.seed is None else request.seed)
    device = resolve_device(request.device)
    if request.data is None:
        raise InputError("Name the folder of training data with --data or in the environment variable PATCHICL_DATA.")
    offered = inspect(request.data)
    _make_folder(request.output)
    for path, ending in ((request.json_file, ".json"), (request.export, ".safetensors")):
        if path is not None:
            check_output_file(path, (ending,))
    checkpoint_file = request.output / CHECKPOINT
    if not request.resume:
        checkpoint_file.unlink(missing_ok=True)
        (request.output / LOG).unlink(missing_ok=True)
    checkpoint = Checkpoint.load(checkpoint_file) if checkpoint_file.exists() else None
    if checkpoint is not None:
        _check_recipe(checkpoint, recipe.describe(), request.output)

    initial = None if request.start_from is None else load_weights(request.start_from, preset_of(recipe.model))

    console, token = Console(stderr=request.quiet), CancelToken()
    if not request.quiet:
        console.print(_data_table(offered))
    began = time.monotonic()
    with ProgressDisplay(request.quiet, unit="steps") as display, interrupt_cancels(token):
        cache, files = request.output / "cache", scans_without_names(request.data)
        for done, path in enumerate(files):
            display.show("Making supervoxels", done, len(files))
            prepare(path, cache)
        display.show("Preparing tasks", 0, recipe.steps)
        validation = ValidationSet.draw(request.data)

        def proceed(step: int) -> bool:
            done = step - first
            left = (time.monotonic() - started) / done * (recipe.steps - step)
            display.show("Training", step, recipe.steps, f"{time_text(left)} left")
            return not token.cancelled

        trainer = Trainer(
            recipe,
            training_mixture(request.data, cache),
            TrainerOptions(
                request.output,
                str(device),
                request.workers,
                request.max_minutes,
                log_every=max(1, min(25, recipe.steps // 10)),
                validate_every=max(1, min(250, recipe.steps // 4)),
            ),
            validation if validation.batches else None,
            proceed=proceed,
        )
        if checkpoint is not None:
            trainer.resume(checkpoint)
        elif initial is not None:
            trainer.begin_with(initial)
        first, started = trainer.step, time.monotonic()
        token.raise_if_cancelled()
        complete = trainer.train()

    entries = read_log(request.output / LOG) if (request.output / LOG).exists() else []
    draw_curves(entries, request.output / CURVES)
    if token.cancelled and not complete:
        raise Stopped(f"Stopped after step {trainer.step} of {recipe.steps}; the same command goes on from there.")
    summary: dict[str, Any] = {
        "recipe": recipe.describe(),
        "step": trainer.step,
        "complete": complete,
        "seconds": round(time.monotonic() - began, 1),
        "device": str(device),
        "data": dataclasses.asdict(offered),
        "training": next((e for e in reversed(entries) if "loss" in e), None),
        "validation": next((e["validation"] for e in reversed(entries) if "validation" in e), None),
        "files": {
            "checkpoint": str(checkpoint_file),
            "log": str(request.output / LOG),
            "curves": str(request.output / CURVES),
            "pictures": str(request.output / PICTURES),
        },
    }
    if request.export is not None:
        card = {"version": __version__, "data": summary["data"], "validation": summary["validation"]}
        export(trainer.checkpoint(), recipe, request.export, card)
        summary["files"]["weights"] = str(request.export)
    if not request.quiet:
        _tell(console, summary)
    if request.json_file is not None:
        write_json(summary, request.json_file)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The output folder {path} cannot be made ({error.strerror}).") from error


def _check_recipe(checkpoint: Checkpoint, recipe: dict[str, Any], output: Path) -> None:
    """The length may change, nothing else: a checkpoint means something for its own recipe only."""
    differing = [name for name in recipe if name != "steps" and recipe[name] != checkpoint.recipe.get(name)]
    if differing:
        raise InputError(
            f"The checkpoint in {output} was made with another recipe or seed ({', '.join(differing)} differ): choose "
            "another --output, or --no-resume to delete it."
        )


def _data_table(offered: DataFolder) -> Table:
    names = {
        "labelled": "labelled scans",
        "development": "development scans (measured only)",
        "label_maps": "label maps without scan",
        "unlabelled": "scans without labels",
        "images": "2D images",
    }
    table = Table(title="Training data")
    for heading in ("kind", "source", "cases"):
        table.add_column(heading, justify="right" if heading == "cases" else "left")
    for field, name in names.items():
        for source, count in getattr(offered, field).items():
            table.add_row(name, source, str(count))
    return table


def _tell(console: Console, summary: dict[str, Any]) -> None:
    total = summary["recipe"]["steps"]
    ending = "Done." if summary["complete"] else "Time is up; the same command goes on from here."
    console.print(f"Step {summary['step']} of {total} after {time_text(summary['seconds'])}. {ending}")
    if summary["validation"]:
        mean = summary["validation"]["mean"]
        console.print(
            f"Dice on development cases: {mean['hints']:.3f} with painted slices, {mean['bare']:.3f} without; "
            f"interpolation alone {mean['shape']:.3f}, image-aware vote alone {mean['vote']:.3f}."
        )
    for name, path in summary["files"].items():
        if Path(path).exists():
            console.print(f"{name.capitalize()}: {path}", soft_wrap=True)
