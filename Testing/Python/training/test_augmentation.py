"""Intensity augmentation: decided by the generator alone, alike for a whole stack."""

import numpy as np
import pytest

pytest.importorskip("monai", reason="needs monai: pip install patchicl[train]")

from PatchICLLib.training.augmentation import IntensityAugmentation  # noqa: E402


@pytest.fixture(scope="module")
def stack() -> np.ndarray:
    return np.random.default_rng(0).random((3, 24, 20), np.float32)


def test_the_generator_decides_everything(stack):
    first, second = IntensityAugmentation(), IntensityAugmentation()
    second(stack, np.random.default_rng(99))  # what was drawn before does not matter
    for seed in range(4):
        np.testing.assert_array_equal(
            first(stack, np.random.default_rng(seed)), second(stack, np.random.default_rng(seed))
        )


def test_shape_type_and_input_are_kept_and_looks_change(stack):
    before = stack.copy()
    augment = IntensityAugmentation()
    looks = [augment(stack, np.random.default_rng(seed)) for seed in range(40)]
    np.testing.assert_array_equal(stack, before)
    assert all(look.shape == stack.shape and look.dtype == np.float32 for look in looks)
    assert all(np.isfinite(look).all() and np.abs(look).max() < 5 for look in looks)
    assert sum(not np.allclose(look, stack) for look in looks) >= 25
    correlations = [np.corrcoef(look.ravel(), stack.ravel())[0, 1] for look in looks]
    assert min(correlations) < -0.3  # polarity turns at times
    assert np.median(np.abs(correlations)) > 0.6  # anatomy stays
