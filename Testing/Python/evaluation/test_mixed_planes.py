"""Paintings on planes of several axes, compared on the same voxels."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from PatchICLLib.datasets.cases import find_cases
from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.methods import NetworkMethod
from PatchICLLib.evaluation.mixed_planes import PlaneCounts, PlanesRow, evaluate_planes, summarise_planes
from PatchICLLib.evaluation.runner import Settings

VARIANTS = [PlaneCounts((3,)), PlaneCounts((3, 1)), PlaneCounts((1, 1, 1))]
INSET = Settings(placements=("inset",))


class Bystander:
    """Returns what was painted, and remembers what it was asked."""

    def __init__(self, fails_after: int | None = None) -> None:
        self.asked: list[tuple[np.ndarray, list[tuple[int, int]]]] = []
        self.fails_after = fails_after

    def propagate(self, image: np.ndarray, painted: np.ndarray, spacing: Any, **options: Any) -> Any:
        if len(self.asked) == self.fails_after:
            raise RuntimeError("power cut")
        self.asked.append((painted, options["painted_slices"]))
        assert options.get("axis") is None
        return SimpleNamespace(labels=painted, probability=None, entropy=None, report={"suggested_next_slice": None})


def method(engine: Bystander) -> NetworkMethod:
    return NetworkMethod("patchicl", engine, "abc")


def test_planes_lie_in_the_middle_of_the_structure_on_further_axes() -> None:
    reference = np.zeros((20, 30, 40), bool)
    reference[4:16, 10:21, 5:35] = True
    counts = PlaneCounts((3, 1))
    assert counts.planes(reference, 0, "inset") == [(0, 6), (0, 10), (0, 14), (1, 15)]
    assert counts.planes(reference, 2, "span") == [(2, 5), (2, 20), (2, 34), (0, 10)]
    assert PlaneCounts((1, 1, 1)).planes(reference, 1, "inset") == [(1, 15), (2, 20), (0, 10)]


@pytest.mark.parametrize("counts", [(), (0,), (3, 0), (1, 1, 1, 1)])
def test_counts_that_make_no_sense(counts: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="one to three axes"):
        PlaneCounts(counts)


def test_every_plane_is_painted_and_judged_are_voxels_on_none(data: Path, tmp_path: Path) -> None:
    engine = Bystander()
    rows = evaluate_planes(find_cases(data, ["cones"]), method(engine), VARIANTS, INSET, tmp_path / "out")
    assert [row.painted for row in rows] == ["1+1+1", "3", "3+1"]
    assert all(row.dice == 0 for row in rows)  # nothing beside what was painted, which is not judged
    for painted, planes in engine.asked:
        for axis, index in planes:
            assert painted.take(index, axis).any()
            np.moveaxis(painted, axis, 0)[index] = 0
        assert not painted.any()


def test_a_run_that_was_stopped_goes_on(data: Path, tmp_path: Path) -> None:
    cases, out = find_cases(data), tmp_path / "out"
    with pytest.raises(RuntimeError, match="power cut"):
        evaluate_planes(cases, method(Bystander(fails_after=4)), VARIANTS, INSET, out)
    engine = Bystander()
    rows = evaluate_planes(cases, method(engine), VARIANTS, INSET, out)
    assert len(rows) == 5 * 3 and len(engine.asked) == 5 * 3 - 4
    again = Bystander()
    assert evaluate_planes(cases, method(again), VARIANTS, INSET, out) == rows and not again.asked
    other = evaluate_planes(cases, method(again), VARIANTS[:2], INSET, out)  # judged elsewhere
    assert len(other) == len(again.asked) == 10


def row(label: int, painted: str, dice: float, seconds: float = 1.0, source: str = "ct") -> PlanesRow:
    return PlanesRow(source, "x", label, "liver", 0, "inset", painted, "3,3+1", "abc", (), dice, seconds, 2 * seconds)


def test_the_summary_compares_with_the_first() -> None:
    rows = [
        row(1, "3", 0.9), row(1, "3+1", 0.95, 1.5), row(2, "3", 0.8), row(2, "3+1", 0.77, 1.5),
        row(1, "3", 0.6, source="mr"), row(1, "3+1", 0.7, 2.0, "mr"), row(9, "3", 0.1),
    ]  # fmt: skip
    found = summarise_planes(rows, VARIANTS[:2])["inset"]
    assert (found["structures"], found["left_out"]) == (3, 1)
    assert found["variants"]["3"]["gain"]["mean"] == 0 and found["variants"]["3"]["seconds"] == 1
    mixed = found["variants"]["3+1"]
    assert mixed["dice"]["mean"] == pytest.approx((0.86 + 0.7) / 2)
    assert mixed["gain"]["mean"] == pytest.approx((0.01 + 0.1) / 2)
    assert mixed["worse"] == 1
    assert mixed["seconds"] == mixed["processor_seconds"] == pytest.approx(5 / 3)
