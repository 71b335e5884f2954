import numpy as np
import pytest

from PatchICLLib.evaluation.calibration import BINS, Bins, error_rate_of_entropy, neighbourhood


def test_calibration_error_of_two_groups() -> None:
    # 100 voxels at 0.9 of which 80 are inside, 300 at 0.1 of which 30 are: (100 x 0.1 + 300 x 0) / 400.
    values = np.repeat([0.9, 0.1], [100, 300])
    outcomes = np.zeros(400, bool)
    outcomes[:80] = outcomes[100:130] = True
    assert Bins.of(values, outcomes).gap() == pytest.approx(0.025)


def test_a_calibrated_forecast_has_a_small_error_and_a_confident_wrong_one_a_large_one() -> None:
    random = np.random.default_rng(0)
    values = random.random(200_000)
    outcomes = random.random(200_000) < values
    assert Bins.of(values, outcomes).gap() < 0.01
    assert Bins.of(np.where(values > 0.5, 0.99, 0.01), outcomes).gap() > 0.2


def test_bins_of_parts_add_up_and_survive_json() -> None:
    random = np.random.default_rng(1)
    values, outcomes = random.random(1000), random.random(1000) < 0.3
    whole = Bins.of(values, outcomes)
    parts = Bins.of(values[:400], outcomes[:400]) + Bins.from_json(Bins.of(values[400:], outcomes[400:]).to_json())
    np.testing.assert_allclose(parts.count, whole.count)
    np.testing.assert_allclose(parts.value, whole.value, atol=0.01)
    np.testing.assert_allclose(parts.outcome, whole.outcome)


def test_the_ends_of_the_range_fall_into_the_outer_bins() -> None:
    bins = Bins.of(np.array([0.0, 1.0]), np.array([False, True]))
    assert bins.count[0] == bins.count[BINS - 1] == 1


@pytest.mark.parametrize(("p", "entropy"), [(0.5, 1.0), (0.11002786, 0.5), (0.25, 0.81127812), (0.0, 0.0)])
def test_error_rate_inverts_binary_entropy(p: float, entropy: float) -> None:
    assert error_rate_of_entropy(np.array([entropy]))[0] == pytest.approx(p, abs=1e-6)


def test_neighbourhood_grows_the_box_by_35_percent() -> None:
    reference = np.zeros((100, 50, 50), bool)
    reference[40:60, 10:14, 0:20] = True
    assert neighbourhood(reference) == (slice(33, 67), slice(7, 17), slice(0, 27))
