"""Evaluation with libraries: the judged subject is never in them, and nothing need be painted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from PatchICLLib.command_line.evaluate import PropagationRequest
from PatchICLLib.command_line.evaluate_run import run_propagation
from PatchICLLib.datasets.cases import find_cases
from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.library_methods import has_company
from PatchICLLib.evaluation.methods import Painting, load_methods
from PatchICLLib.evaluation.plots import FIGURES, write_plots
from PatchICLLib.evaluation.report import summarise
from PatchICLLib.evaluation.runner import Settings, evaluate_propagation
from PatchICLLib.evaluation.with_library import AveragedMethod, LibraryMethod
from PatchICLLib.propagation import PropagationResult


class KnowsOnlyTheLibrary:
    """An engine that fills what the library's one case has at the same place of the scan, and remembers what it got."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []

    def propagate(self, image: np.ndarray, painted: np.ndarray, spacing: Any, **options: Any) -> PropagationResult:
        labels, probability = painted.copy(), np.full(image.shape, 0.4, np.float32)
        library = options.get("library")
        if library is not None:
            ((here, there),) = options["match"].items()
            (entry,) = library.cases
            case = library.case(entry.number)
            box = tuple(slice(f, f + n) for f, n in zip(entry.first, entry.shape, strict=True))
            labels[box][case.mask_of(there) & (labels[box] == 0)] = here
            options["seen"] = case.image
        elif options.get("prior", True):
            probability += 0.3  # sure with hints
        self.got.append({**options, "painted": painted, "scan": image})
        return PropagationResult(labels, probability, probability, None, {"suggested_next_slice": 3})


def test_the_judged_subject_is_left_out_and_nothing_need_be_painted(data: Path, tmp_path: Path) -> None:
    engine = KnowsOnlyTheLibrary()
    cases = find_cases(data, ["tubes"])
    methods = [*load_methods(["nearest"]), LibraryMethod(engine, "w", 1, tuple(cases))]
    rows = evaluate_propagation(cases, methods, Settings(ks=(0, 3), placements=("span", "inset")), tmp_path / "out")
    unpainted = [row for row in rows if row.k == 0]
    # two cases of two tubes; nowhere to lie, and nothing to copy
    assert [(row.method, row.placement, row.painted_slices) for row in unpainted] == [("library-1", "span", ())] * 4
    assert len(rows) == 4 + 4 * 2 * 2
    moved, same = ([row.dice for row in unpainted if row.label == label] for label in (1, 2))
    assert same == [1.0, 1.0] and all(0.3 < dice < 1 for dice in moved), "of the other subject, whose tube lies aside"
    for got in engine.got:
        assert not any(np.array_equal(got["seen"], part) for part in _parts(got["scan"], got["seen"].shape))
        assert got["direction"].shape == (3, 3)
    assert all(not got["painted"].any() for got in engine.got if got["painted_slices"] is None)
    summary = summarise(rows)
    assert summary["settings"][0]["against_peers"] is None
    assert list(summary["settings"][1]["against_peers"]["products"]) == ["library-1"]
    (tmp_path / "figures").mkdir()
    assert len(write_plots(summary, rows, tmp_path / "figures")) >= 2
    assert [path.name for path in write_plots(summarise(unpainted), unpainted, tmp_path / "figures")][0] == FIGURES[0]
    assert [(entry["placement"], entry["k"]) for entry in summary["settings"]] == [
        ("span", 0),
        ("span", 3),
        ("inset", 3),
    ]


def _parts(scan: np.ndarray, shape: tuple[int, ...]) -> list[np.ndarray]:
    starts = np.ndindex(*(n - m + 1 for n, m in zip(scan.shape, shape, strict=True)))
    return [scan[tuple(slice(s, s + m) for s, m in zip(start, shape, strict=True))] for start in starts]


def test_structures_that_nobody_else_shows_are_filled_without_a_library(data: Path) -> None:
    engine, (cone,) = KnowsOnlyTheLibrary(), find_cases(data, ["cones"])
    assert not has_company(cone, [cone])
    image, labels = cone.read()
    from PatchICLLib.datasets.cases import Structure

    method = LibraryMethod(engine, "w", 5, (cone,)).on(cone, Structure(7, "label 7", 3, 16))
    painted = np.where(np.arange(20)[:, None, None] == 9, labels == 7, False).astype(np.uint8)
    assert not method.predict(Painting(image.array, np.zeros_like(painted), (), (1.0, 1.0, 1.0), 0)).labels.any()
    assert method.predict(Painting(image.array, painted, (9,), (1.0, 1.0, 1.0), 0)).suggested_slice == 3
    assert "library" not in engine.got[0]


def test_the_control_averages_with_and_without_hints() -> None:
    engine, volume = KnowsOnlyTheLibrary(), np.zeros((4, 5, 6), np.uint8)
    predicted = AveragedMethod(engine, "w").predict(Painting(volume, volume, (1,), (1.0, 1.0, 1.0), 0))
    assert [got["prior"] for got in engine.got] == [True, False]
    assert predicted.probability is not None
    np.testing.assert_allclose(predicted.probability, 0.55)
    assert predicted.labels.all()


def test_nothing_painted_needs_a_library(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="numbers of painted slices from 1 on"):
        run_propagation(
            PropagationRequest(
                data=data, k="0", protocol="span", methods="nearest", output=tmp_path / "out", quiet=True
            )
        )
