"""What `patchicl train` is asked for: read and checked before anything is computed or written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from PatchICLLib.command_line.options import words
from PatchICLLib.command_line.train import TrainingRequest
from PatchICLLib.eight_bits import check_bits
from PatchICLLib.errors import InputError
from PatchICLLib.outputs import Output, check_outputs, is_drawn
from PatchICLLib.presets import preset_of
from PatchICLLib.runtime.device import resolve_device
from PatchICLLib.training.checkpoint import Checkpoint
from PatchICLLib.training.curves import read_log
from PatchICLLib.training.data_folder import DataFolder, inspect
from PatchICLLib.training.dataset_tasks import DatasetChoice
from PatchICLLib.training.frozen_encoder import TrainedUniverSeg, trained_universeg
from PatchICLLib.training.loggers import check_logs
from PatchICLLib.training.parts import Division
from PatchICLLib.training.ranks import Ranks
from PatchICLLib.training.recipe import RECIPES, Recipe
from PatchICLLib.training.run_files import CHECKPOINT, LOG
from PatchICLLib.training.trainer import Trainer
from PatchICLLib.training.trainer_options import check_precision
from PatchICLLib.weights import Pretrained, load_weights, weights_file, weights_outputs

CURVES = "curves.png"
DATASET_CONTEXT = 5  # context pairs in training, as the paper has it


@dataclass(frozen=True)
class TrainingInputs:
    """What a training begins with.

    Attributes:
        recipe: with what the options change of it.
        ranks: this process among those that train together.
        device: of this process.
        offered: by --data.
        choices: of --dataset.
        logs: names of --log-to.
        checkpoint: to go on from; None for a new run.
        initial: weights to begin with; None for random ones.
        universeg: whose encoder the model keeps, for models that have one.
    """

    recipe: Recipe
    ranks: Ranks
    device: torch.device
    offered: DataFolder
    choices: list[DatasetChoice]
    logs: tuple[str, ...]
    checkpoint: Checkpoint | None
    initial: Pretrained | None
    universeg: TrainedUniverSeg | None

    @classmethod
    def of(cls, request: TrainingRequest) -> TrainingInputs:
        """Raises InputError: bad options or data."""
        if request.recipe not in RECIPES:
            raise InputError(f"--recipe must be one of {', '.join(RECIPES)}, but it is {request.recipe}.")
        recipe = _recipe(RECIPES[request.recipe], request)
        ranks = Ranks.from_environment()
        device = resolve_device(ranks.device(request.device))
        choices = [DatasetChoice.parse(text) for text in request.dataset or ()]
        if request.data is None and not choices:
            raise InputError(
                "Name the folder of training data with --data or in the environment variable PATCHICL_DATA."
            )
        logs = words(request.log_to)
        check_logs(logs)
        check_precision(request.precision)
        check_bits(request.export_bits)
        Division(ranks.world, request.accumulate).check(recipe.plan)
        offered = DataFolder({}, {}, {}, {}, {}) if request.data is None else inspect(request.data)
        _check_outputs(request, choices)
        # also where they will be replaced: files of something else are not
        file, log = request.output / CHECKPOINT, request.output / LOG
        found = Checkpoint.load(file) if file.exists() else None
        if log.exists():
            read_log(log)
        checkpoint = found if request.resume else None
        if checkpoint is not None:
            _check_recipe(checkpoint, recipe.describe(), request.output)
        preset = preset_of(recipe.model)
        initial = None if request.start_from is None else load_weights(request.start_from, preset)
        universeg = _universeg(request, preset)
        return cls(recipe, ranks, device, offered, choices, logs, checkpoint, initial, universeg)

    def begin(self, trainer: Trainer, output: Path) -> None:
        """Give a trainer its first weights, or those of the checkpoint.

        Raises:
            InputError: they do not fit.
        """
        if self.checkpoint is not None:
            trainer.resume(self.checkpoint)
            if self.universeg is not None and not trainer.has_encoder(self.universeg.network):
                name = self.universeg.provenance["name"]
                raise InputError(
                    f"The checkpoint in {output} was made with another encoder than that of {name}: "
                    "name its own with --encoder, or choose another --output."
                )
            return
        if self.initial is not None:
            trainer.begin_with(self.initial)
            return
        if self.universeg is not None:
            trainer.begin_with_encoder(self.universeg.network)
        if self.recipe.centred:
            trainer.begin_centred()


def _check_outputs(request: TrainingRequest, choices: list[DatasetChoice]) -> None:
    curves = Output("The figure", request.output / CURVES, recognised=is_drawn)
    own = [Output("The checkpoint", request.output / CHECKPOINT), Output("The log", request.output / LOG), curves]
    check_outputs(own, {})
    outputs = []
    if request.export is not None:
        outputs += weights_outputs("--export", request.export, request.export_bits)
    if request.json_file is not None:
        outputs.append(Output("--json", request.json_file, (".json",)))
    data_sets = {"--data": request.data, **{f"--dataset {choice.kind}": choice.folder for choice in choices}}
    weights = {"--start-from": _given(request.start_from), "--encoder": _given(request.encoder)}
    check_outputs(outputs, weights, data_sets)


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
    return trained_universeg(request.encoder)


def _given(weights: str | None) -> Path | None:
    return None if weights is None else weights_file(weights)


def _check_recipe(checkpoint: Checkpoint, recipe: dict[str, Any], output: Path) -> None:
    """The length may change, nothing else: a checkpoint means something for its own recipe only."""
    # what recipes did not say yet was as it is now by default
    default = Recipe().describe()
    made = {**default, **checkpoint.recipe, "plan": {**default["plan"], **checkpoint.recipe["plan"]}}
    differing = [name for name in recipe if name != "steps" and recipe[name] != made[name]]
    if differing:
        raise InputError(
            f"The checkpoint in {output} was made with another recipe or seed ({', '.join(differing)} differ): choose "
            "another --output, or --no-resume to replace it."
        )
