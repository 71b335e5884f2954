"""Structures that are painted on both sides of a gap go through it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit

from PatchICLLib.propagation.geometry.gaps import Gap
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.propagation.refinement.continuity import Continuity
from PatchICLLib.propagation.refinement.painted_bounds import PaintedBounds
from PatchICLLib.propagation.result.filled_slices import FilledSlices

SIDE = 6
WHOLE = (slice(0, SIDE), slice(0, SIDE))
INNER = Gap(0, 4, (1, 3, 2), (0, 4))


def volume_with(first: int, last: int) -> SlicedVolume:
    """So many voxels of label 1 on slices 0 and 4; label 2 beside it."""
    painted = np.zeros((5, SIDE, SIDE), np.uint8)
    painted[:, -1] = 2
    for z, count in ((0, first), (4, last)):
        painted[z].flat[:count] = 1
    return SlicedVolume(painted.astype(np.float32), painted, 1.0, (1.0, 1.0), None)  # type: ignore[arg-type]


def logits_of(probability: np.ndarray) -> np.ndarray:
    """Such that half of them, as slices are averaged, gives these probabilities."""
    values: np.ndarray = 2 * logit(probability)
    return values.astype(np.float32)


def through(volume: SlicedVolume, gap: Gap, logits: list[np.ndarray]) -> np.ndarray:
    """Slices of one batch, all of them those of slice 2 or 3, which does not matter."""
    found = Continuity(gap, PaintedBounds(volume, 1, gap)).of(
        FilledSlices(1, (2, 3, 1)[: len(logits)], WHOLE, torch.from_numpy(np.stack(logits)))
    )
    assert found.indices == (2, 3, 1)[: len(logits)] and found.window == WHOLE
    assert found.logits.dtype == torch.float32
    return found.logits.numpy()


def one(volume: SlicedVolume, gap: Gap, logits: np.ndarray) -> np.ndarray:
    return through(volume, gap, [logits])[0]


def field(*inside: float, elsewhere: float = 1e-6) -> np.ndarray:
    probability = np.full(SIDE * SIDE, elsewhere)
    probability[7 : 7 + len(inside)] = inside
    return probability.reshape(SIDE, SIDE)


@pytest.mark.parametrize(
    ("inside", "labelled"),
    [
        ((0.3,), 1),  # less than a voxel is expected, one is labelled
        ((0.45, 0.4, 0.35, 0.3, 0.25), 2),  # 1.75 are expected
        ((0.45, 0.4, 0.4, 0.4, 0.4, 0.4), 6),  # what is as likely as the last one goes with it
        ((0.4, *[0.1] * 20), 1),  # 2.4 are expected, but no other is likely enough
        ((0.14,), 0),  # it may pause here
    ],
)
def test_an_empty_slice_gets_its_likeliest_voxels(inside: tuple[float, ...], labelled: int) -> None:
    before = logits_of(field(*inside))
    after = one(volume_with(9, 4), INNER, before)
    expected = np.zeros((SIDE, SIDE), bool)
    expected.flat[7 : 7 + labelled] = True
    np.testing.assert_array_equal(after > 0, expected)
    # all logits by the same amount: what was likelier than what else still is
    np.testing.assert_allclose(after - before, (after - before)[0, 0], atol=1e-4)


def test_never_more_than_on_the_larger_painted_slice() -> None:
    steps = np.linspace(0.4, 0.3, 28)
    after = one(volume_with(3, 5), INNER, logits_of(field(*steps)))
    assert (after > 0).sum() == 5 and (after > 0).flat[7:12].all()


@given(
    seed=st.integers(0, 999),
    gap=st.sampled_from([INNER, Gap(0, None, (1, 2), (0,)), Gap(None, 4, (2, 3), (4,))]),
    painted=st.sampled_from([(3, 3), (0, 3), (3, 0)]),
)
def test_nothing_else_is_changed(seed: int, gap: Gap, painted: tuple[int, int]) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1, 1, (SIDE, SIDE)).astype(np.float32)
    if gap.inner and min(painted) > 0:
        logits[rng.integers(SIDE), rng.integers(SIDE)] = 0.01  # one voxel is enough
    np.testing.assert_array_equal(one(volume_with(*painted), gap, logits), logits)


@given(seeds=st.lists(st.integers(0, 99), min_size=3, max_size=3), low=st.floats(-3, 0.5))
def test_each_slice_of_a_batch_by_itself(seeds: list[int], low: float) -> None:
    """Some of them empty, some of those likely enough for a voxel."""
    fields = [np.random.default_rng(seed).normal(low - 2, 1, (SIDE, SIDE)).astype(np.float32) for seed in seeds]
    volume = volume_with(7, 3)
    together = through(volume, INNER, fields)
    np.testing.assert_allclose(together, [one(volume, INNER, field) for field in fields], atol=1e-6)
