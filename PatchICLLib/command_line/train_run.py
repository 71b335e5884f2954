"""Runs `patchicl train`: checks, prepares, trains, and tells what came out."""

import dataclasses
import importlib.util
import time
from typing import Any

from PatchICLLib.command_line.console import plain_console
from PatchICLLib.command_line.interrupt import interrupt_cancels
from PatchICLLib.command_line.progress_display import ProgressDisplay, time_text
from PatchICLLib.command_line.train import TrainingRequest
from PatchICLLib.command_line.train_inputs import CURVES, TrainingInputs
from PatchICLLib.command_line.train_report import data_table, print_summary
from PatchICLLib.errors import InputError, Stopped
from PatchICLLib.outputs import output_folder, write_json
from PatchICLLib.propagation import CancelToken
from PatchICLLib.training.curves import draw_curves, read_log
from PatchICLLib.training.dataset_tasks import (
    dataset_counts,
    dataset_mixture,
    dataset_validation,
    joined_validation,
)
from PatchICLLib.training.export import export
from PatchICLLib.training.loggers import open_logs
from PatchICLLib.training.mixture import Tasks, training_mixture
from PatchICLLib.training.pseudo_labels import prepare
from PatchICLLib.training.run_files import CHECKPOINT, LOG, PICTURES
from PatchICLLib.training.task_batch import TaskBatch
from PatchICLLib.training.tasks import TaskShape
from PatchICLLib.training.trainer import Trainer
from PatchICLLib.training.trainer_options import TrainerOptions
from PatchICLLib.training.validation import ValidationSet
from PatchICLLib.training.volumes import scans_without_names
from PatchICLLib.version import __version__


def run_training(request: TrainingRequest) -> None:
    """Train as requested.

    Raises:
        InputError: bad options or data.
        Stopped: by Ctrl-C.
    """
    if importlib.util.find_spec("monai") is None:
        raise InputError("Training needs MONAI, which is not installed: run `pip install patchicl[train]`.")
    with output_folder(request.output):
        _run(request)


def _run(request: TrainingRequest) -> None:
    inputs = TrainingInputs.of(request)
    recipe, ranks = inputs.recipe, inputs.ranks
    quiet = request.quiet or not ranks.leads
    console, token = plain_console(stderr=request.quiet), CancelToken()
    if not quiet and request.data is not None:
        console.print(data_table(inputs.offered))
    began = time.monotonic()
    with ProgressDisplay(quiet, unit="steps") as display, interrupt_cancels(token), ranks.joined(inputs.device):
        if not ranks.leads:
            ranks.wait()  # until the first process has made what all of them read
        mixture, validation = _tasks(request, inputs, display)
        if ranks.leads:
            ranks.wait()

        def proceed(step: int) -> bool:
            done = step - first
            left = (time.monotonic() - started) / done * (recipe.steps - step)
            display.show("Training", step, recipe.steps, f"{time_text(left)} left")
            return not token.cancelled

        step = 0 if inputs.checkpoint is None else inputs.checkpoint.step
        announce = open_logs(inputs.logs if ranks.leads else (), request.output, step, recipe.describe())
        trainer = Trainer(recipe, mixture, _options(request, inputs), validation, announce, proceed)
        inputs.begin(trainer, request.output)
        first, started = trainer.step, time.monotonic()
        token.raise_if_cancelled()
        complete = trainer.train()

    log = request.output / LOG
    entries = read_log(log) if ranks.leads and log.exists() else []
    if ranks.leads:
        draw_curves(entries, request.output / CURVES)
    if token.cancelled and not complete:
        raise Stopped(f"Stopped after step {trainer.step} of {recipe.steps}; the same command goes on from there.")
    if not ranks.leads:
        return
    summary: dict[str, Any] = {
        "recipe": recipe.describe(),
        "step": trainer.step,
        "complete": complete,
        "seconds": round(time.monotonic() - began, 1),
        "device": str(inputs.device),
        "data": dataclasses.asdict(inputs.offered),
        "datasets": dataset_counts(mixture),
        "training": next((e for e in reversed(entries) if "loss" in e), None),
        "validation": next((e["validation"] for e in reversed(entries) if "validation" in e), None),
        "files": {
            "checkpoint": str(request.output / CHECKPOINT),
            "log": str(log),
            "curves": str(request.output / CURVES),
            "pictures": str(request.output / PICTURES),
        },
    }
    if request.export is not None:
        card = {"version": __version__, **{name: summary[name] for name in ("data", "datasets", "validation")}}
        if inputs.universeg is not None:
            card["encoder"] = inputs.universeg.provenance
        export(trainer.checkpoint(), recipe, request.export, card, request.export_bits)
        summary["files"]["weights"] = str(request.export)
    if not quiet:
        print_summary(console, summary)
    if request.json_file is not None:
        write_json(summary, request.json_file)


def _options(request: TrainingRequest, inputs: TrainingInputs) -> TrainerOptions:
    steps = inputs.recipe.steps
    return TrainerOptions(
        request.output,
        str(inputs.device),
        request.workers,
        request.max_minutes,
        log_every=max(1, min(25, steps // 10)),
        validate_every=max(1, min(250, steps // 4)),
        accumulate=request.accumulate,
        precision=request.precision,
        ranks=inputs.ranks,
        anew=not request.resume,
    )


def _tasks(
    request: TrainingRequest, inputs: TrainingInputs, display: ProgressDisplay
) -> tuple[list[tuple[Tasks, float]], ValidationSet | None]:
    """What is learned from and what is measured on; supervoxels and indices of slices are made where missing."""
    cache = request.output / "cache"
    mixture: list[tuple[Tasks, float]] = []
    measured: list[ValidationSet | dict[str, TaskBatch]] = []
    if request.data is not None:
        files = scans_without_names(request.data)
        for done, path in enumerate(files):
            display.show("Making supervoxels", done, len(files))
            prepare(path, cache)
        display.show("Preparing tasks", 0, inputs.recipe.steps)
        measured.append(ValidationSet.draw(request.data))
        mixture += training_mixture(request.data, cache, inputs.recipe.mixture)

    def show(done: int, total: int) -> None:
        display.show("Looking for slices", done, total)

    processes = max(1, request.workers)
    mixture += dataset_mixture(inputs.choices, cache, show, processes)
    plan = inputs.recipe.plan
    shape = TaskShape(max(plan.contexts), 1, max(size for size, _ in plan.sizes))
    measured.append(dataset_validation(inputs.choices, cache, shape, progress=show, processes=processes))
    return mixture, joined_validation(measured)
