"""Adapts weights to a library: trains for some minutes, measures on the case that was left out, keeps the weights."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from PatchICLLib.adaptation.case_tasks import case_tasks
from PatchICLLib.cascade.configuration import SparseConfiguration
from PatchICLLib.errors import Cancelled, InputError, Stopped
from PatchICLLib.leaving_out.scores import Score, Trial, scores
from PatchICLLib.library import CaseEntry, Library
from PatchICLLib.library.adapted_weights import CARD_KEY, UNFINISHED, WEIGHTS_FILE
from PatchICLLib.outputs import StagedFiles, check_outputs, output_folder, remove_empty
from PatchICLLib.outputs.locks import Busy, waiting_for
from PatchICLLib.propagation import CancelToken, Propagator
from PatchICLLib.propagation.subjects.adapted import BASE_KEY, GAINS_KEY, LEAST_PAINTED, Adapted, gained_structures
from PatchICLLib.training.checkpoint import Checkpoint
from PatchICLLib.training.mixture import BatchPlan
from PatchICLLib.training.recipe import Recipe
from PatchICLLib.training.trainer import CHECKPOINT, Trainer, TrainerOptions
from PatchICLLib.version import __version__
from PatchICLLib.weights import Pretrained, save_weights, weights_outputs

_MOST_STEPS = 100_000
_RATE, _AVERAGED = 2e-4, 0.98
_CONTEXTS = 1, 1, 2, 3, 3, 5
_LOCK = ".lock"

Show = Callable[[str, int, int], None]


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
class Gain:
    """Attributes: structure: its label; before, after: Dice on the case that was left out, without and with."""

    structure: int
    before: float
    after: float

    @property
    def gain(self) -> float:
        return self.after - self.before


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


@dataclass(frozen=True)
class TheseWeights:
    """Weights that are used whatever the library. Attributes: adapted: them."""

    adapted: Adapted

    def of(self, _library: Library) -> Adapted:
        return self.adapted


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
            gains = _gains(library, left_out, base, model, device, show, token)
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
            _drop_unfinished(library)
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
        _drop_unfinished(library)
        found = None
    schedule = _Schedule(library, learned, options.minutes, show, token)
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
        steps=_MOST_STEPS,
        learning_rate=_RATE,
        warm_up=20,
        decay=1.0,
        weight_decay=0.0,
        ema=_AVERAGED,
        seed=int(known.hexdigest()[:8], 16),
    )


class _Schedule:
    """How many steps there will be, found from the pace so far, so that the rate has fallen when time is up."""

    def __init__(
        self, library: Library, learned: Sequence[CaseEntry], minutes: float, show: Show, token: CancelToken
    ) -> None:
        self.library, self.learned, self.show, self.token = library, learned, show, token
        self.seconds, self.most, self.removed = 60 * minutes, _MOST_STEPS, False

    def resume(self, trainer: Trainer, checkpoint: Checkpoint) -> None:
        """Go on with what was planned: the rate falls on from where it was, never to rise again."""
        self.most = max(int(checkpoint.recipe["steps"]), checkpoint.step)
        self.seconds *= 1 - checkpoint.step / self.most
        trainer.recipe = replace(trainer.recipe, steps=self.most)

    def begin(self, trainer: Trainer) -> None:
        self.trainer, self.first, self.began = trainer, trainer.step, time.monotonic()

    def proceed(self, step: int) -> bool:
        passed = time.monotonic() - self.began
        left, done = max(0.0, self.seconds - passed), step - self.first
        # a coarse clock may not have moved yet: then the pace is not known
        steps = min(self.most, step + int(np.ceil(left / passed * done))) if passed else self.most
        self.trainer.recipe = replace(self.trainer.recipe, steps=steps)
        self.show("Training", step, steps)
        there = Library.open(self.library.path).cases
        self.removed = any(case not in there for case in self.learned)
        return step < steps and not self.token.cancelled and not self.removed

    def check(self, trainer: Trainer) -> None:
        """Raises what ended the training before its time."""
        if self.removed:
            _drop_unfinished(self.library)
            with self.library.unchanged(self.learned):
                pass
        if self.token.cancelled:
            raise Stopped(f"Stopped after step {trainer.step}; the same command goes on from there.")


def _gains(
    library: Library,
    left_out: CaseEntry,
    base: Pretrained,
    model: torch.nn.Module,
    device: torch.device,
    show: Show,
    token: CancelToken,
) -> tuple[Gain, ...]:
    """Of the structures of the case that was left out, with all others as library, as the product would fill it."""
    labels = [label for label in left_out.structures if len(library.cases_with(label)) > 1]
    trials = [Trial(left_out, label, LEAST_PAINTED) for label in labels]
    adapted = Adapted(replace(base, model=model.eval()), frozenset(labels))
    engines = Propagator(base, device), Propagator(base, device, TheseWeights(adapted))
    known: list[list[Score]] = []
    for number, engine in enumerate(engines):
        own = []
        for done, score in enumerate(scores(engine, library, trials, token, without=False)):
            show("Measuring", number * len(trials) + done + 1, 2 * len(trials))
            if score is not None:
                own.append(score)
        known.append(own)
    means = [
        {label: [one.library for one in own if one.structure == label] for label in labels} for own in known
    ]  # fmt: skip
    return tuple(
        Gain(label, float(np.mean(means[0][label])), float(np.mean(means[1][label])))
        for label in labels
        if means[0][label]
    )


def _drop_unfinished(library: Library) -> None:
    folder = library.adapted / UNFINISHED
    with StagedFiles() as files:
        for path in sorted(folder.glob("*")):
            if path.is_file():
                files.remove(path)
        files.commit()
    remove_empty(folder)
