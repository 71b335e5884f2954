"""Which failures are shown, and of them which slice."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from PatchICLLib.datasets.cases import find_cases
from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.failure_pictures import draw_failures
from PatchICLLib.evaluation.failures import replay, worst
from PatchICLLib.evaluation.methods import Painting, PredictedStructure, load_methods
from PatchICLLib.evaluation.results import Row
from PatchICLLib.evaluation.runner import Settings, evaluate_propagation
from Testing.Miniatures.evaluation_rows import evaluation_row


def row(source: str, label: int, method: str, dice: float, **more: Any) -> Row:
    return evaluation_row(source, method, dice, label=label, structure=f"label {label}", **more)


class Flooded:
    """The nearest slice copied, but for one slice that it fills from edge to edge."""

    name = "flooded"
    identity = ""

    def __init__(self, index: int) -> None:
        self.index = index

    def predict(self, given: Painting) -> PredictedStructure:
        (nearest,) = load_methods(["nearest"])
        labels = nearest.predict(given).labels.copy()
        labels[self.index] = True
        return PredictedStructure(labels, None, None, 1.0)


def test_the_largest_losses_come_first_each_structure_once() -> None:
    ours = Flooded(0)
    rows = [
        row("a", 1, "flooded", 0.5),
        row("a", 1, "nearest", 0.6),
        row("a", 1, "grow-from-seeds", 0.9),
        row("a", 1, "without-shape", 0.95),  # of the product itself: no peer
        row("a", 1, "flooded", 0.5, k=5),
        row("a", 1, "nearest", 0.8, k=5),
        row("a", 2, "flooded", 0.9),
        row("a", 2, "nearest", 0.2),  # no failure
        row("a", 3, "flooded", 0.1),
        row("a", 3, "nearest", 0.12),
        row("b", 1, "flooded", 0.7, placement="inset"),
        row("b", 1, "nearest", 0.9, placement="inset"),
        row("b", 2, "flooded", 0.1),  # nobody to compare with
    ]
    rows.append(replace(row("b", 3, "flooded", 0.0), identity="other weights"))
    rows.append(row("b", 3, "nearest", 1.0))
    found = worst(rows, ours, 5)
    assert [(f.own.source, f.own.label, f.own.k, f.peer.method) for f in found] == [
        ("a", 1, 3, "grow-from-seeds"),
        ("b", 1, 3, "nearest"),
        ("a", 3, 3, "nearest"),
    ]
    assert [round(f.loss, 3) for f in found] == [0.4, 0.2, 0.02]
    assert [f.own.source for f in worst(rows, ours, 5, by_source=1)] == ["a", "b"]
    assert len(worst(rows, ours, 1)) == 1
    with pytest.raises(InputError, match=r"flooded, flooded other weights, grow-from-seeds.* but not interpolation"):
        worst(rows, load_methods(["interpolation"])[0], 5)
    with pytest.raises(InputError, match="to compare with"):
        worst([row("a", 1, "flooded", 0.5)], ours, 5)


def test_the_worst_slice_is_shown_beside_the_nearest_painted_one(data: Path, tmp_path: Path) -> None:
    cases = find_cases(data, ["tubes"])
    methods = [*load_methods(["nearest"]), Flooded(7)]
    rows = evaluate_propagation(cases, methods, Settings((3,), ("span",)), tmp_path / "out")
    failures = worst(rows, methods[1], 2, by_source=1)
    (scene,) = replay(failures, cases, {method.name: method for method in methods})
    assert scene.index == 7  # painted are 4, 10, 15 or 2, 8, 13
    assert scene.painted_index == {1: 4, 2: 8}[scene.failure.own.label]  # of two as near, the lower
    assert list(scene.predicted) == ["flooded", "nearest"]
    assert scene.predicted["flooded"][7].all() and not scene.predicted["nearest"][7].all()
    picture = tmp_path / "failures.png"
    draw_failures(iter([scene]), 1, picture)
    import matplotlib.image

    drawn = matplotlib.image.imread(picture)
    assert drawn.shape[0] > 200 and np.ptp(drawn[..., :3]) > 0.8
    with pytest.raises(InputError, match="not in the data"):
        list(replay(failures, find_cases(data, ["cones"]), {}))
