"""Temperatures against samples whose right temperature is known."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.special import expit

from PatchICLLib.datasets.cases import find_cases
from PatchICLLib.evaluation.methods import Painting, PredictedStructure
from PatchICLLib.evaluation.runner import Settings
from PatchICLLib.evaluation.temperature import (
    LogitHistogram,
    collect_histograms,
    expected_calibration_error,
    fit_temperature,
)


def sample(temperature: float, count: int = 200_000) -> LogitHistogram:
    """Probabilities that are right once their logits are divided by the temperature."""
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 2.5, count)
    return LogitHistogram.of(expit(logits), rng.random(count) < expit(logits / temperature))


@pytest.mark.parametrize("temperature", [0.6, 1.0, 1.8])
def test_the_right_temperature_is_found_and_makes_probabilities_true(temperature: float) -> None:
    histogram = sample(temperature)
    assert fit_temperature([histogram]) == pytest.approx(temperature, rel=0.02)
    assert expected_calibration_error([histogram], temperature) < 0.005
    if temperature != 1:
        assert expected_calibration_error([histogram], 1.0) > 0.02


def test_cross_entropy_is_that_of_the_voxels() -> None:
    probability, inside = np.array([0.9, 0.2, 0.6]), np.array([True, False, False])
    expected = -np.mean(np.log([0.9, 0.8, 0.4]))
    assert LogitHistogram.of(probability, inside).cross_entropy(1.0) == pytest.approx(expected, abs=0.02)


def test_every_structure_counts_the_same() -> None:
    small, large = sample(0.6, 20_000), sample(1.8, 400_000)
    swapped = fit_temperature([sample(0.6, 400_000), sample(1.8, 20_000)])
    assert fit_temperature([small, large]) == pytest.approx(swapped, rel=0.05)


def test_nothing_to_fit_on() -> None:
    with pytest.raises(ValueError, match="no structures"):
        fit_temperature([])


@dataclass(frozen=True)
class Certain:
    """Says 0.9 inside the reference's box and 0.1 elsewhere."""

    name: str = "certain"
    identity: str = ""

    def predict(self, given: Painting) -> PredictedStructure:
        probability = np.where(given.image > given.image.mean(), 0.9, 0.1).astype(np.float32)
        return PredictedStructure(probability > 0.5, probability, None, 0.0)


def test_only_unpainted_voxels_around_the_structure_count(data) -> None:
    cases = find_cases(data)
    settings = Settings(ks=(2, 3), placements=("span",))
    two, three = collect_histograms(cases[:1], Certain(), settings)[:2]
    assert two.inside.sum() > three.inside.sum() > 0
    bins = set(np.flatnonzero(two.inside + two.outside))
    assert len(bins) == 2  # the two logits that were predicted
