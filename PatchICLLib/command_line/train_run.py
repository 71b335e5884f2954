"""Runs `patchicl train`: checks, prepares, trains, and tells what came out."""

from __future__ import annotations

import dataclasses
import importlib.util
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PatchICLLib.command_line.console import plain_console
from PatchICLLib.command_line.interrupt import interrupt_cancels
from PatchICLLib.command_line.options import words
from PatchICLLib.command_line.progress_display import ProgressDisplay, time_text
from PatchICLLib.command_line.train import TrainingRequest
from PatchICLLib.command_line.train_report import data_table, print_summary
from PatchICLLib.errors import InputError, Stopped
from PatchICLLib.outputs import Output, check_outputs, is_drawn, output_folder, write_json
from PatchICLLib.propagation import CancelToken
from PatchICLLib.runtime.device import resolve_device
from PatchICLLib.training.checkpoint import Checkpoint
from PatchICLLib.training.curves import draw_curves, read_log
from PatchICLLib.training.data_folder import DataFolder, inspect
from PatchICLLib.version import __version__
from PatchICLLib.weights import weights_file

if TYPE_CHECKING:
    from PatchICLLib.training.dataset_tasks import DatasetChoice
    from PatchICLLib.training.frozen_encoder import TrainedUniverSeg
    from PatchICLLib.training.mixture import Tasks
    from PatchICLLib.training.recipe import Recipe
    from PatchICLLib.training.task_batch import TaskBatch
    from PatchICLLib.training.validation import ValidationSet

CURVES = "curves.png"
DATASET_CONTEXT = 5  # context pairs in training, as the paper has it


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
    from PatchICLLib.eight_bits import check_bits
    from PatchICLLib.presets import preset_of
    from PatchICLLib.training.dataset_tasks import DatasetChoice, dataset_counts
    from PatchICLLib.training.export import export
    from PatchICLLib.training.loggers import check_logs, open_logs
    from PatchICLLib.training.parts import Division
    from PatchICLLib.training.ranks import Ranks
    from PatchICLLib.training.recipe import RECIPES
    from PatchICLLib.training.run_files import CHECKPOINT, LOG, PICTURES
    from PatchICLLib.training.trainer import Trainer
    from PatchICLLib.training.trainer_options import TrainerOptions, check_precision
    from PatchICLLib.weights import load_weights, weights_outputs

    if request.recipe not in RECIPES:
        raise InputError(f"--recipe must be one of {', '.join(RECIPES)}, but it is {request.recipe}.")
    recipe = _recipe(RECIPES[request.recipe], request)
    ranks = Ranks.from_environment()
    device = resolve_device(ranks.device(request.device))
    choices = [DatasetChoice.parse(text) for text in request.dataset or ()]
    if request.data is None and not choices:
        raise InputError("Name the folder of training data with --data or in the environment variable PATCHICL_DATA.")
    logs = words(request.log_to)
    check_logs(logs)
    check_precision(request.precision)
    check_bits(request.export_bits)
    Division(ranks.world, request.accumulate).check(recipe.plan)
    offered = DataFolder({}, {}, {}, {}, {}) if request.data is None else inspect(request.data)
    checkpoint_file, log_file = request.output / CHECKPOINT, request.output / LOG
    curves = Output("The figure", request.output / CURVES, recognised=is_drawn)
    check_outputs([Output("The checkpoint", checkpoint_file), Output("The log", log_file), curves], {})
    outputs = []
    if request.export is not None:
        outputs += weights_outputs("--export", request.export, request.export_bits)
    if request.json_file is not None:
        outputs.append(Output("--json", request.json_file, (".json",)))
    data_sets = {"--data": request.data, **{f"--dataset {choice.kind}": choice.folder for choice in choices}}
    weights = {"--start-from": _given(request.start_from), "--encoder": _given(request.encoder)}
    check_outputs(outputs, weights, data_sets)
    # also where they will be replaced: files of something else are not
    found = Checkpoint.load(checkpoint_file) if checkpoint_file.exists() else None
    if log_file.exists():
        read_log(log_file)
    checkpoint = found if request.resume else None
    if checkpoint is not None:
        _check_recipe(checkpoint, recipe.describe(), request.output)

    initial = None if request.start_from is None else load_weights(request.start_from, preset_of(recipe.model))
    universeg = _universeg(request, preset_of(recipe.model))

    quiet = request.quiet or not ranks.leads
    console, token = plain_console(stderr=request.quiet), CancelToken()
    if not quiet and request.data is not None:
        console.print(data_table(offered))
    began = time.monotonic()
    with ProgressDisplay(quiet, unit="steps") as display, interrupt_cancels(token), ranks.joined(device):
        if not ranks.leads:
            ranks.wait()  # until the first process has made what all of them read
        mixture, validation = _tasks(request, choices, recipe, display)
        if ranks.leads:
            ranks.wait()

        def proceed(step: int) -> bool:
            done = step - first
            left = (time.monotonic() - started) / done * (recipe.steps - step)
            display.show("Training", step, recipe.steps, f"{time_text(left)} left")
            return not token.cancelled

        step = 0 if checkpoint is None else checkpoint.step
        trainer = Trainer(
            recipe,
            mixture,
            TrainerOptions(
                request.output,
                str(device),
                request.workers,
                request.max_minutes,
                log_every=max(1, min(25, recipe.steps // 10)),
                validate_every=max(1, min(250, recipe.steps // 4)),
                accumulate=request.accumulate,
                precision=request.precision,
                ranks=ranks,
                anew=not request.resume,
            ),
            validation,
            announce=open_logs(logs if ranks.leads else (), request.output, step, recipe.describe()),
            proceed=proceed,
        )
        if checkpoint is not None:
            trainer.resume(checkpoint)
            if universeg is not None and not trainer.has_encoder(universeg.network):
                name = universeg.provenance["name"]
                raise InputError(
                    f"The checkpoint in {request.output} was made with another encoder than that of {name}: "
                    "name its own with --encoder, or choose another --output."
                )
        elif initial is not None:
            trainer.begin_with(initial)
        elif universeg is not None:
            trainer.begin_with_encoder(universeg.network)
        if recipe.centred and checkpoint is None and initial is None:
            trainer.begin_centred()
        first, started = trainer.step, time.monotonic()
        token.raise_if_cancelled()
        complete = trainer.train()

    stopped = f"Stopped after step {trainer.step} of {recipe.steps}; the same command goes on from there."
    if not ranks.leads:
        if token.cancelled and not complete:
            raise Stopped(stopped)
        return
    entries = read_log(log_file) if log_file.exists() else []
    draw_curves(entries, request.output / CURVES)
    if token.cancelled and not complete:
        raise Stopped(stopped)
    summary: dict[str, Any] = {
        "recipe": recipe.describe(),
        "step": trainer.step,
        "complete": complete,
        "seconds": round(time.monotonic() - began, 1),
        "device": str(device),
        "data": dataclasses.asdict(offered),
        "datasets": dataset_counts(mixture),
        "training": next((e for e in reversed(entries) if "loss" in e), None),
        "validation": next((e["validation"] for e in reversed(entries) if "validation" in e), None),
        "files": {
            "checkpoint": str(checkpoint_file),
            "log": str(log_file),
            "curves": str(request.output / CURVES),
            "pictures": str(request.output / PICTURES),
        },
    }
    if request.export is not None:
        card = {"version": __version__, **{name: summary[name] for name in ("data", "datasets", "validation")}}
        if universeg is not None:
            card["encoder"] = universeg.provenance
        export(trainer.checkpoint(), recipe, request.export, card, request.export_bits)
        summary["files"]["weights"] = str(request.export)
    if not quiet:
        print_summary(console, summary)
    if request.json_file is not None:
        write_json(summary, request.json_file)


def _recipe(recipe: Recipe, request: TrainingRequest) -> Recipe:
    """The recipe with what the options change of it."""
    plan = recipe.plan
    context = request.context
    if context is None and request.dataset and request.data is None:
        context = DATASET_CONTEXT
    plan = replace(
        plan,
        tasks=request.tasks or plan.tasks,
        contexts=plan.contexts if context is None else (context,),
        sizes=plan.sizes if request.size is None else ((request.size, 1.0),),
    )
    seed = recipe.seed if request.seed is None else request.seed
    return replace(recipe, plan=plan, steps=request.steps or recipe.steps, seed=seed)


def _universeg(request: TrainingRequest, preset: str) -> TrainedUniverSeg | None:
    """Whose encoder the model keeps; None for models without one, or that start from weights which hold it."""
    if preset != "paper" or request.start_from is not None:
        if request.encoder is not None:
            raise InputError(
                "--encoder belongs to --recipe paper without --start-from, whose weights hold an encoder already."
            )
        return None
    from PatchICLLib.training.frozen_encoder import trained_universeg

    return trained_universeg(request.encoder)


def _tasks(
    request: TrainingRequest, choices: list[DatasetChoice], recipe: Recipe, display: ProgressDisplay
) -> tuple[list[tuple[Tasks, float]], ValidationSet | None]:
    """What is learned from and what is measured on; supervoxels and indices of slices are made where missing."""
    from PatchICLLib.training.dataset_tasks import dataset_mixture, dataset_validation, joined_validation
    from PatchICLLib.training.mixture import training_mixture
    from PatchICLLib.training.pseudo_labels import prepare
    from PatchICLLib.training.tasks import TaskShape
    from PatchICLLib.training.validation import ValidationSet
    from PatchICLLib.training.volumes import scans_without_names

    cache = request.output / "cache"
    mixture: list[tuple[Tasks, float]] = []
    measured: list[ValidationSet | dict[str, TaskBatch]] = []
    if request.data is not None:
        files = scans_without_names(request.data)
        for done, path in enumerate(files):
            display.show("Making supervoxels", done, len(files))
            prepare(path, cache)
        display.show("Preparing tasks", 0, recipe.steps)
        measured.append(ValidationSet.draw(request.data))
        mixture += training_mixture(request.data, cache, recipe.mixture)

    def show(done: int, total: int) -> None:
        display.show("Looking for slices", done, total)

    processes = max(1, request.workers)
    mixture += dataset_mixture(choices, cache, show, processes)
    shape = TaskShape(max(recipe.plan.contexts), 1, max(size for size, _ in recipe.plan.sizes))
    measured.append(dataset_validation(choices, cache, shape, progress=show, processes=processes))
    return mixture, joined_validation(measured)


def _given(weights: str | None) -> Path | None:
    return None if weights is None else weights_file(weights)


def _check_recipe(checkpoint: Checkpoint, recipe: dict[str, Any], output: Path) -> None:
    """The length may change, nothing else: a checkpoint means something for its own recipe only."""
    from PatchICLLib.training.recipe import Recipe

    # what recipes did not say yet was as it is now by default
    default = Recipe().describe()
    made = {**default, **checkpoint.recipe, "plan": {**default["plan"], **checkpoint.recipe["plan"]}}
    differing = [name for name in recipe if name != "steps" and recipe[name] != made[name]]
    if differing:
        raise InputError(
            f"The checkpoint in {output} was made with another recipe or seed ({', '.join(differing)} differ): choose "
            "another --output, or --no-resume to replace it."
        )
