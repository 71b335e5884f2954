"""Adapting weights: what is learned from, what is kept, what is used, and what goes when a case goes."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from PatchICLLib.adaptation import gains, schedule
from PatchICLLib.adaptation.adapt import AdaptationOptions, Outcome, adapt, divided
from PatchICLLib.adaptation.case_tasks import case_tasks
from PatchICLLib.errors import InputError, Stopped
from PatchICLLib.leaving_out.scores import Score
from PatchICLLib.library import Library
from PatchICLLib.propagation import CancelToken
from PatchICLLib.training.checkpoint import Checkpoint
from PatchICLLib.training.mixture import BatchPlan
from PatchICLLib.training.tasks import TaskShape
from PatchICLLib.training.trainer import Trainer
from PatchICLLib.weights import Pretrained, load_weights
from Testing.Miniatures.finished_cases import LESION, LIVER, put
from Testing.Miniatures.patients import ORGAN, Patient

PLAN = BatchPlan(tasks=1, targets=2, contexts=(1, 2), sizes=((64, 1.0),))


def options(minutes: float) -> AdaptationOptions:
    return AdaptationOptions(minutes, "cpu", 0, PLAN)


class Clock:
    """A second passes whenever it is looked at; a coarse one shows only every few of them."""

    def __init__(self, coarse: int = 1) -> None:
        self.now, self.coarse = 0, coarse

    def monotonic(self) -> float:
        self.now += 1
        return float(self.now // self.coarse * self.coarse)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step takes a second."""
    monkeypatch.setattr(schedule, "time", Clock())


@pytest.fixture
def gaining(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the second of two measurements is above the first; the measurements themselves take no time."""
    gain = [0.006]

    def scores(engine: Any, library: Library, trials: Any, cancel: Any, without: bool) -> Iterator[Score]:
        cancel.raise_if_cancelled()
        after = isinstance(engine._adapted, gains.TheseWeights)
        for one in trials:
            assert one.case == divided(library)[0]
            yield Score(
                one.structure, one.case.number, one.painted, 0.5 if without else None, 0.8 + after * gain[0], 0.5
            )

    monkeypatch.setattr(gains, "scores", scores)
    return gain


def adapted(library: Library, base: Pretrained, minutes: float = 3 / 60, **others: Any) -> Outcome:
    return adapt(library, base, options(minutes), **others)


@pytest.mark.slow
def test_weights_are_kept_with_what_they_saw_and_gained(library: Library, base: Pretrained, gaining: Any) -> None:
    outcome = adapted(library, base)
    assert outcome.weights == library.adapted / "weights.safetensors" and outcome.steps == 3
    assert outcome.left_out == 3 and outcome.used == {ORGAN.label}
    stored = load_weights(outcome.weights)
    card = stored.card
    assert card["library_cases"] == [1, 2] and card["gains"] == {"1": 0.006} and card["left_out"] == 3
    assert card["adapted_from"]["sha256"] == base.sha256
    state = base.model.state_dict()
    assert any(not np.array_equal(tensor, state[name]) for name, tensor in stored.model.state_dict().items())
    left = {path.name for path in library.adapted.rglob("*") if not path.name.startswith(".")}
    assert left == {"weights.safetensors", "weights.json"}
    removed = library.remove(2)
    assert outcome.weights in removed and not outcome.weights.exists()


def test_nothing_is_kept_where_nothing_is_gained(library: Library, base: Pretrained, gaining: list[float]) -> None:
    gaining[0] = 0.004
    outcome = adapted(library, base)
    assert outcome.weights is None and outcome.used == set()
    assert not [path for path in library.adapted.rglob("*") if not path.name.startswith(".")]


@pytest.mark.slow
def test_it_goes_on_where_it_was_stopped(library: Library, base: Pretrained, gaining: Any) -> None:
    token = CancelToken()

    def stop(stage: str, done: int, total: int) -> None:
        if done == 4:
            token.cancel()

    with pytest.raises(Stopped, match="after step 4"):
        adapted(library, base, 8 / 60, show=stop, cancel=token)
    kept = library.adapted / "unfinished" / "checkpoint.pt"
    assert Checkpoint.load(kept).step == 4
    seen: list[tuple[str, int]] = []
    outcome = adapted(library, base, 8 / 60, show=lambda stage, done, total: seen.append((stage, done)))
    assert outcome.steps == 8 and seen[0] == ("Training", 5) and not kept.exists()


def test_the_rate_falls_and_never_rises_again(
    library: Library, base: Pretrained, gaining: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []

    def watched(self: Any, chunks: Any) -> Any:
        rates.append(self.recipe.rate(self.step))
        self.step += 1
        return [torch.zeros(4) for _ in chunks]

    monkeypatch.setattr(Trainer, "_update", watched)
    token = CancelToken()
    with pytest.raises(Stopped):
        adapted(
            library, base, 0.5, show=lambda stage, done, total: token.cancel() if done == 24 else None, cancel=token
        )
    adapted(library, base, 0.5)
    assert len(rates) == 30
    after_warm_up = rates[20:]
    assert after_warm_up == sorted(after_warm_up, reverse=True) and after_warm_up[-1] < 0.1 * max(rates)


def test_a_coarse_clock_ends_it_as_well(
    library: Library, base: Pretrained, gaining: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands still while the first steps are done."""
    monkeypatch.setattr(schedule, "time", Clock(4))
    assert 4 <= adapted(library, base, 6 / 60).steps <= 12


def test_what_was_begun_with_other_cases_is_begun_anew(library: Library, base: Pretrained, gaining: Any) -> None:
    token = CancelToken()
    with pytest.raises(Stopped):
        adapted(library, base, 8 / 60, show=lambda *_: token.cancel(), cancel=token)
    kept = library.adapted / "unfinished" / "checkpoint.pt"
    assert kept.exists()
    Patient.of(7).added_to(library)
    seen: list[tuple[str, int, int]] = []
    with pytest.raises(Stopped):
        adapted(library, base, 8 / 60, show=lambda *one: seen.append(one) or token.cancel(), cancel=token)
    assert seen[0][1] == 1 and kept.exists()
    library.remove(4)
    assert not kept.exists()  # it holds something of the cases


def test_a_case_that_is_removed_meanwhile_leaves_nothing(library: Library, base: Pretrained, gaining: Any) -> None:
    other = Library.open(library.path)

    def remove(stage: str, done: int, total: int) -> None:
        if done == 2 and stage == "Training":
            other.remove(1)

    with pytest.raises(InputError, match="Case 1 was removed"):
        adapted(library, base, 8 / 60, show=remove)
    assert not [path for path in library.adapted.rglob("*") if path.is_file() and path.name != ".lock"]


def test_a_case_that_is_removed_at_the_end_leaves_nothing(library: Library, base: Pretrained, gaining: Any) -> None:
    other = Library.open(library.path)

    def remove(stage: str, done: int, total: int) -> None:
        if (stage, done) == ("Measuring", total):
            other.remove(1)

    with pytest.raises(InputError, match="Case 1 was removed"):
        adapted(library, base, show=remove)
    assert not [path for path in library.adapted.rglob("*") if path.is_file() and path.name != ".lock"]


def test_a_case_must_be_left_out(tmp_path: Path, base: Pretrained) -> None:
    made = Library.open(tmp_path / "library", may_be_new=True)
    with pytest.raises(InputError, match="add a second case"):
        divided(made)
    put(made, 1)
    with pytest.raises(InputError, match="add a second case"):
        adapted(made, base)
    put(made, 2)
    put(made, 3, LIVER)
    put(made, 4, LESION)
    left_out, others = divided(made)  # the latest with both
    assert left_out.number == 2 and [case.number for case in others] == [1, 3, 4]


def test_tasks_are_cut_from_the_cases_named(library: Library) -> None:
    tasks = case_tasks(library.path, [1, 3])
    drawn = [tasks.volumes(np.random.default_rng(seed)) for seed in range(8)]
    images = [library.case(number).image for number in (1, 3)]
    which = {next(n for n, image in enumerate(images) if np.array_equal(image, one.image)) for one in drawn}
    assert which == {0, 1} and all(set(one.objects) == {ORGAN.label} for one in drawn)
    batch = tasks(np.random.default_rng(0), TaskShape(2, 3, 64))
    assert batch.runs is not None  # with hints
    assert batch.context_masks.amax() == 1


def test_tasks_are_as_the_product_will_be_asked(library: Library) -> None:
    tasks = case_tasks(library.path, [1, 2])
    assert tasks.sizes() == ((128, 2),)  # structures and cases: all are small
    rng, step = np.random.default_rng(0), []
    for _ in range(30):
        stack = tasks._stack(rng, TaskShape(1, 3, 64))
        step.append(stack.spacing)
        region = tasks._region(stack, rng, None)
        assert not region.mirror and abs(region.angle) < 0.5
    across = [spacing == (2.0, 1.0, 1.0) for spacing in step]  # every slice, as it was acquired
    assert np.mean(across) > 0.7 and all(spacing[0] in (1.0, 2.0) for spacing in step)


def test_learning_does_without_monai() -> None:
    """Which the module does not install."""
    code = "import sys; sys.modules['monai'] = None; import PatchICLLib.adaptation.in_worker as w; print(w.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "PatchICLLib.adaptation.in_worker"
