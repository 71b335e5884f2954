"""Adapts weights to a library: trains for some minutes, measures on the case that was left out, keeps the weights."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from PatchICLLib.adaptation.case_tasks import case_tasks
from PatchICLLib.adaptation.gains import Gain, measured_gains
from PatchICLLib.adaptation.schedule import MOST_STEPS, Schedule, Show
from PatchICLLib.cascade.configuration import SparseConfiguration
from PatchICLLib.errors import Cancelled, InputError, Stopped
from PatchICLLib.library import CaseEntry, Library
from PatchICLLib.library.adapted_weights import CARD_KEY, UNFINISHED, WEIGHTS_FILE, drop_unfinished
from PatchICLLib.outputs import check_outputs, output_folder
from PatchICLLib.outputs.locks import Busy, waiting_for
from PatchICLLib.propagation import CancelToken
from PatchICLLib.propagation.subjects.adapted import BASE_KEY, GAINS_KEY, gained_structures
from PatchICLLib.training.checkpoint import Checkpoint
from PatchICLLib.training.mixture import BatchPlan
from PatchICLLib.training.recipe import Recipe
from PatchICLLib.training.run_files import CHECKPOINT
from PatchICLLib.training.trainer import Trainer
from PatchICLLib.training.trainer_options import TrainerOptions
from PatchICLLib.version import __version__
from PatchICLLib.weights import Pretrained, save_weights, weights_outputs

_RATE, _AVERAGED = 2e-4, 0.98
_CONTEXTS = 1, 1, 2, 3, 3, 5
_LOCK = ".lock"


@dataclass(frozen=True)
class AdaptationOptions:
    """How weights are adapted.

    Attributes:
        minutes: of training.
        device: torch device.
        workers: processes that make batches; 0 for none.
        plan: shapes of batches; None: such as the cases need.
    """

    minutes: float = 5.0
    device: str = "cpu"
    workers: int = 1
    plan: BatchPlan | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of an adaptation.

    Attributes:
        weights: file of the weights; None: nothing was gained, and nothing kept.
        steps: of training.
        left_out: number of the case that was measured.
        gains: of its structures.
        used: labels of the structures that the weights will be used for.
    """

    weights: Path | None
    steps: int
    left_out: int
    gains: tuple[Gain, ...]
    used: frozenset[int]


def divided(library: Library) -> tuple[CaseEntry, tuple[CaseEntry, ...]]:
    """The case to be left out, and the others, which are learned from.

    The one of the most structures that other cases have too, the latest of several.

    Raises:
        InputError: no structure is finished in two cases.
    """

    def shared(case: CaseEntry) -> int:
        return sum(len(library.cases_with(label)) > 1 for label in case.structures)

    left_out = max(library.cases, key=lambda case: (shared(case), case.number), default=None)
    if left_out is None or not shared(left_out):
        raise InputError(
            f"No structure of the library {library.path} is finished in two cases, so what adapting gains could not be "
            "measured on a case that was not learned from: add a second case with `patchicl library add`."
        )
    return left_out, tuple(case for case in library.cases if case != left_out)


def adapt(
    library: Library,
    base: Pretrained,
    options: AdaptationOptions,
    show: Show = lambda stage, done, total: None,
    cancel: CancelToken | None = None,
) -> Outcome:
    """Let weights go on learning from all cases but one, and keep them beside the library if a structure gained by it.

    Where it was stopped before, with the same cases and weights, it goes on.

    Args:
        library: with a structure that is finished in two cases.
        base: weights of the preset sparse.
        options: how.
        show: told of the stage, and how much of it is done.
        cancel: token that stops it.

    Raises:
        InputError: too few cases, other weights, a case that is gone meanwhile, or files that cannot be written.
        Stopped: it was cancelled.
    """
    if not isinstance(base.model.configuration, SparseConfiguration):
        raise InputError("Only weights of the preset sparse can learn from a library: leave out --weights.")
    left_out, learned = divided(library)
    token = cancel or CancelToken()
    path = library.adapted / WEIGHTS_FILE
    with output_folder(library.adapted), _alone(library), output_folder(library.adapted / UNFINISHED):
        check_outputs(weights_outputs("The adapted weights", path), {})
        trainer = _trained(library, learned, base, options, show, token)
        model: Any = trainer.averaged_model()
        device = torch.device(options.device)
        try:
            gains = measured_gains(library, left_out, base, model, device, show, token)
        except Cancelled as error:
            raise Stopped("Stopped while measuring; the same command goes on from there.") from error
        used = gained_structures({one.structure: one.gain for one in gains})
        card = {
            "version": __version__,
            BASE_KEY: base.provenance(),
            "calibration": base.card.get("calibration", {}),
            "steps": trainer.step,
            "recipe": trainer.recipe.describe(),
            CARD_KEY: [case.number for case in learned],
            "left_out": left_out.number,
            GAINS_KEY: {str(one.structure): round(one.gain, 4) for one in gains},
            "measured": [{name: round(value, 4) for name, value in asdict(one).items()} for one in gains],
        }
        try:
            with library.unchanged(learned):
                if used:
                    save_weights(model, path, base.preset, card)
        finally:
            drop_unfinished(library.adapted)
    return Outcome(path if used else None, trainer.step, left_out.number, gains, used)


@contextmanager
def _alone(library: Library) -> Iterator[None]:
    try:
        with waiting_for(library.adapted / _LOCK, 0.0):
            yield
    except Busy as error:
        raise InputError(f"Another process is adapting weights to {library.path}; wait until it is done.") from error


def _trained(
    library: Library,
    learned: Sequence[CaseEntry],
    base: Pretrained,
    options: AdaptationOptions,
    show: Show,
    token: CancelToken,
) -> Trainer:
    """A trainer that has trained for as long as was asked, over all its runs."""
    tasks = case_tasks(library.path.resolve(), [case.number for case in learned])
    plan = options.plan or BatchPlan(contexts=_CONTEXTS, sizes=tasks.sizes(), fitted=1.0)
    recipe = _recipe(learned, base, plan)
    folder = library.adapted / UNFINISHED
    found = Checkpoint.load(folder / CHECKPOINT) if (folder / CHECKPOINT).exists() else None
    if found is not None and {**found.recipe, "steps": recipe.steps} != recipe.describe():
        drop_unfinished(library.adapted)
        found = None
    schedule = Schedule(library, learned, options.minutes, show, token)
    trainer = Trainer(
        recipe,
        [(tasks, 1.0)],
        TrainerOptions(folder, options.device, options.workers, log_every=10, precision="auto"),
        proceed=schedule.proceed,
    )
    if found is None:
        trainer.begin_with(base)
    else:
        trainer.resume(found)
        schedule.resume(trainer, found)
    if found is None or trainer.step < trainer.recipe.steps:
        schedule.begin(trainer)
        try:
            trainer.train()
        except RuntimeError as error:
            raise InputError(
                f"The structures of the library {library.path} are too small to learn from: too few slices, or too few "
                "voxels within them."
            ) from error if "nothing large enough" in str(error) else error
        schedule.check(trainer)
    return trainer


def _recipe(learned: Sequence[CaseEntry], base: Pretrained, plan: BatchPlan) -> Recipe:
    """The same for the same cases and weights: a training goes on where that is so.

    A fresh AdamW takes steps of about the rate in every weight, whatever the gradients: at that of the training from
    the beginning it unsettles what is known before anything is learned.
    """
    known = hashlib.sha256(" ".join([base.sha256, *(case.checksum for case in learned)]).encode())
    model: Any = base.model
    return Recipe(
        model.configuration,
        plan,
        steps=MOST_STEPS,
        learning_rate=_RATE,
        warm_up=20,
        decay=1.0,
        weight_decay=0.0,
        ema=_AVERAGED,
        seed=int(known.hexdigest()[:8], 16),
    )
