import numpy as np
import pytest

from PatchICLLib.evaluation.bootstrap import mean_over_groups


def test_the_mean_is_over_groups_not_over_members() -> None:
    assert mean_over_groups({"a": [1.0] * 9, "b": [0.0]}).mean == pytest.approx(0.5)


def test_the_interval_of_one_group_is_that_of_the_normal_approximation() -> None:
    values = np.random.default_rng(2).normal(5.0, 2.0, 400)
    estimate = mean_over_groups({"a": values.tolist()}, resamples=4000)
    half_width = 1.96 * values.std() / np.sqrt(len(values))
    assert estimate.low == pytest.approx(values.mean() - half_width, abs=0.03)
    assert estimate.high == pytest.approx(values.mean() + half_width, abs=0.03)


def test_equal_values_have_no_width_and_seeds_reproduce() -> None:
    estimate = mean_over_groups({"a": [0.7, 0.7], "b": [0.3]})
    assert (estimate.low, estimate.high) == (pytest.approx(0.5), pytest.approx(0.5))
    groups = {"a": [0.1, 0.5, 0.9], "b": [0.2, 0.8]}
    assert mean_over_groups(groups, seed=3) == mean_over_groups(groups, seed=3)
