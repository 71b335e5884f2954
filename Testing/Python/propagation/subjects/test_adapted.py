"""Weights that were adapted to a library are used for what gained by them, and for nothing else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from PatchICLLib.errors import WeightsError
from PatchICLLib.library import Library
from PatchICLLib.propagation import Propagator
from PatchICLLib.weights import save_weights
from Testing.Miniatures.patients import ORGAN, Patient, library_of
from Testing.Miniatures.small_cascade import small_model

LABEL, OTHER = 3, 7
BASE = "0" * 64  # of the engine of these tests


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return library_of(tmp_path / "library", Patient.of(2), Patient.of(3))


@pytest.fixture
def put(library: Library) -> Callable[..., None]:
    """Puts weights beside the library, with a card that may be changed."""
    model = small_model(11)

    def save(**changes: Any) -> None:
        card = {"library_cases": [1, 2], "adapted_from": {"sha256": BASE}, "gains": {"1": 0.02}, **changes}
        save_weights(model, library.adapted / "weights.safetensors", "sparse", card)

    return save


@pytest.fixture
def listened(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The weight of the library, which the untrained network of these tests would not be given."""
    weight = [0.25]
    monkeypatch.setattr(
        "PatchICLLib.propagation.subjects.asking.shares_of_subjects",
        lambda _, __, distances, ___: np.full(len(distances), weight[0]),
    )
    return weight


def filled(
    engine: Propagator, library: Library, slices: tuple[int, ...] = (11, 13, 15)
) -> tuple[np.ndarray, dict[str, Any]]:
    """Probability where the organ lies (label 3) and something that the library does not know (label 7), and report."""
    patient = Patient.of(1)
    painted = np.zeros(patient.image.shape, np.uint8)
    painted[list(slices)] = LABEL * patient.organ[list(slices)]
    painted[13, :4, :5] = OTHER
    result = engine.propagate(
        patient.image, painted, patient.spacing, axis=0, library=library, match={LABEL: ORGAN.label}, extent=(12, 14)
    )
    assert result.probability is not None
    np.testing.assert_array_equal(result.labels[painted != 0], painted[painted != 0])
    return result.probability, result.report["library"]


def used(report: dict[str, Any]) -> bool:
    return "weights" in report[str(LABEL)]


@pytest.mark.slow
def test_they_are_used_where_they_gained(engine, new_engine, library, put, listened) -> None:
    before, report = filled(engine, library)
    assert not used(report)
    put()
    after, report = filled(engine, library)
    assert report[str(LABEL)]["weights"]["name"] == "weights" and not np.array_equal(before, after)
    np.testing.assert_array_equal(before[:, :4, :5], after[:, :4, :5])  # where the other label lies
    again, _ = filled(engine, library)  # from memory
    np.testing.assert_array_equal(again, after)
    np.testing.assert_array_equal(filled(new_engine(), library)[0], after)
    # another library, or none there any more: what was remembered of the adapted weights is not taken
    library.remove(2)
    assert not used(filled(engine, library)[1])


@pytest.mark.slow
def test_they_are_not_used_otherwise(engine, library, put, listened) -> None:
    before, _ = filled(engine, library)
    for changes in (
        {"gains": {"1": 0.005}},
        {"gains": {"2": 0.5}},  # another structure
        {"adapted_from": {"sha256": "1" * 64}},
        {"library_cases": [1, 2, 9]},
    ):
        put(**changes)
        after, report = filled(engine, library)
        assert not used(report), changes
        np.testing.assert_array_equal(before, after)
    put()
    assert used(filled(engine, library)[1]) and not used(filled(engine, library, (11, 15))[1])  # too few to gain
    listened[0] = 0.0
    alone, report = filled(engine, library)
    assert not used(report)
    (library.adapted / "weights.safetensors").unlink()
    np.testing.assert_array_equal(alone, filled(engine, library)[0])


def test_damaged_ones_are_told_of(engine, library, put, listened) -> None:
    put(gains=[1])
    with pytest.raises(WeightsError, match="library adapt"):
        filled(engine, library)
    put()
    card = library.adapted / "weights.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), "sha256": "2" * 64}))
    with pytest.raises(WeightsError, match="changed after it was written"):
        filled(engine, library)
