"""Experiments resume, shard, and ask every model the same."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.datasets.context import ContextRule
from PatchICLLib.datasets.example import Example
from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.runner import Shard
from PatchICLLib.experiments.models import Prediction
from PatchICLLib.experiments.runner import Experiment, choose_targets, dice, run_experiment, under_settings


class Squares:
    """8 cases of one square each, in two classes; the last case is the only one of its class."""

    def __init__(self) -> None:
        names = ["left"] * 4 + ["right"] * 3 + ["alone"]
        self.all = sorted(Example("squares", f"c{i}", f"c{i}", name, "", i) for i, name in enumerate(names))

    def examples(self) -> list[Example]:
        return self.all

    contexts = examples

    def category(self, example: Example) -> str:
        return "Squares"

    def class_name(self, example: Example) -> str:
        return example.label

    def read(self, example: Example) -> tuple[np.ndarray, np.ndarray]:
        mask = np.zeros((8, 8), bool)
        mask[:4, :4] = True
        return np.full((8, 8), example.index, np.float32), mask


@dataclass
class Recorder:
    """A model that finds the upper half, and remembers what it was asked; it may break down."""

    name: str
    identity: str = ""
    network: None = None
    breaks_after: int = 10**6
    asked: list[tuple] = field(default_factory=list)

    def predict(self, images, masks, target, size) -> Prediction:
        if len(self.asked) == self.breaks_after:
            raise KeyboardInterrupt
        self.asked.append((size, int(target[0, 0]), tuple(int(image[0, 0]) for image in images)))
        found = np.zeros(target.shape, bool)
        found[:4] = True
        return Prediction(found, 0.5)


EXPERIMENT = Experiment((32, 64), ContextRule(2, False))


def test_all_models_see_the_same_context_and_are_scored(tmp_path: Path) -> None:
    one, two = Recorder("one"), Recorder("two")
    rows = run_experiment(Squares(), [one, two], EXPERIMENT, tmp_path)
    assert one.asked == two.asked
    assert {(size, target) for size, target, _ in one.asked} == {(s, i) for s in (32, 64) for i in range(7)}
    assert all(target not in context and len(context) == 2 for _, target, context in one.asked)
    assert len(rows) == 2 * 2 * 7  # the case without any context is left out
    assert {row.dice for row in rows} == {2 * 16 / (16 + 32)}
    assert {row.context for row in rows} == {(2, 0)}


def test_a_run_that_was_stopped_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir(), (tmp_path / "parts").mkdir()
    whole = run_experiment(Squares(), [Recorder("one")], EXPERIMENT, tmp_path / "whole")
    broken = Recorder("one", breaks_after=5)
    with pytest.raises(KeyboardInterrupt):
        run_experiment(Squares(), [broken], EXPERIMENT, tmp_path / "parts")
    with (tmp_path / "parts" / "results.jsonl").open("a") as file:
        file.write('{"example": "squares/c')  # what a kill leaves
    second = Recorder("one")
    assert run_experiment(Squares(), [second], EXPERIMENT, tmp_path / "parts") == whole
    assert len(second.asked) == 14 - 4  # both resolutions of a target are written together
    third = Recorder("one")
    assert run_experiment(Squares(), [third], EXPERIMENT, tmp_path / "parts") == whole and third.asked == []


def test_shards_together_are_the_whole(tmp_path: Path) -> None:
    data = Squares()
    parts = [choose_targets(data, Experiment(shard=Shard(i, 3))) for i in (1, 2, 3)]
    assert sorted(e for part in parts for e in part) == data.all
    for number in (1, 2, 3):
        run_experiment(
            data, [Recorder("one")], Experiment((32,), ContextRule(2, False), shard=Shard(number, 3)), tmp_path
        )
    collected = Recorder("one")
    rows = run_experiment(data, [collected], Experiment((32,), ContextRule(2, False)), tmp_path)
    assert len(rows) == 7 and collected.asked == []


def test_at_most_so_many_of_each_class(tmp_path: Path) -> None:
    chosen = choose_targets(Squares(), Experiment(most_per_class=2))
    assert sorted(e.label for e in chosen) == ["alone", "left", "left", "right", "right"]
    assert choose_targets(Squares(), Experiment(most_per_class=2)) == chosen


@given(st.integers(1, 9))
def test_classes_take_turns_in_what_is_drawn_of_a_data_set(most: int) -> None:
    """More are the same and some more; no class has two more than another that has some left."""
    data, there = Squares(), {"left": 4, "right": 3, "alone": 1}
    chosen = choose_targets(data, Experiment(most_per_dataset=most))
    assert len(chosen) == min(most, 8)
    assert set(chosen) <= set(choose_targets(data, Experiment(most_per_dataset=most + 1)))
    drawn = Counter(example.label for example in chosen)
    assert all(drawn[a] + 1 >= drawn[b] for a in there for b in there if drawn[a] < there[a])
    both = choose_targets(data, Experiment(most_per_class=1, most_per_dataset=most))
    assert len(both) == min(most, 3) and len({example.label for example in both}) == len(both)


def test_results_of_other_settings_never_mix(tmp_path: Path) -> None:
    for experiment in (Experiment(data={"experiment": "x"}), Experiment((64,), data={"experiment": "x"})):
        with under_settings(tmp_path, experiment.settings(), resume=True):
            pass
    (tmp_path / "results.jsonl").write_text("")
    other = Experiment(rule=ContextRule(5), data={"experiment": "x"}).settings()
    with (
        pytest.raises(InputError, match=r"other settings \(context differ\)"),
        under_settings(tmp_path, other, resume=True),
    ):
        raise AssertionError("the experiment was run")
    with under_settings(tmp_path, other, resume=False):
        assert not (tmp_path / "results.jsonl").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]
    with under_settings(tmp_path, other, resume=True):
        pass


def test_results_stay_until_new_ones_are_complete(tmp_path: Path) -> None:
    settings = EXPERIMENT.settings()
    with under_settings(tmp_path, settings, resume=True):
        old = run_experiment(Squares(), [Recorder("one")], EXPERIMENT, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InputError), under_settings(tmp_path, settings, resume=False):
        raise InputError("refused")
    assert {path.name for path in tmp_path.iterdir()} >= before.keys()
    assert (tmp_path / "results.jsonl").read_bytes() == before["results.jsonl"]
    with pytest.raises(KeyboardInterrupt), under_settings(tmp_path, settings, resume=False):
        run_experiment(Squares(), [Recorder("one", breaks_after=5)], EXPERIMENT, tmp_path)
    assert (tmp_path / "results.jsonl.before").read_bytes() == before["results.jsonl"]
    with under_settings(tmp_path, settings, resume=True):
        assert run_experiment(Squares(), [Recorder("one")], EXPERIMENT, tmp_path) == old


def test_results_of_something_else_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text('{"patient": 7}\n')
    with (
        pytest.raises(InputError, match="holds no result"),
        under_settings(tmp_path, EXPERIMENT.settings(), resume=False),
    ):
        raise AssertionError("the experiment was run")
    assert (tmp_path / "results.jsonl").read_text() == '{"patient": 7}\n'


def test_dice() -> None:
    a, b = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    assert dice(a, b) == 1.0
    a[0, :3] = True
    assert dice(a, b) == 0.0
    b[0, 1:] = True
    assert dice(a, b) == pytest.approx(2 * 2 / 6)


@pytest.mark.parametrize("wrong", [{"resolutions": ()}, {"resolutions": (8,)}, {"rule": ContextRule(0)}])
def test_experiments_that_make_no_sense(wrong: dict) -> None:
    with pytest.raises(InputError, match="at least one resolution"):
        Experiment(**wrong)
