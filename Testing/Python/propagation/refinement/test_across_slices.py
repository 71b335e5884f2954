"""Averages of slices with those beside them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import correlate1d
from scipy.special import expit

from PatchICLLib.propagation.gap_filling import FilledSlice
from PatchICLLib.propagation.geometry.gaps import Gap, find_gaps
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.propagation.refinement.across_slices import AcrossSlices

DEPTH, HEIGHT, WIDTH = 9, 4, 5
WHOLE = (slice(0, HEIGHT), slice(0, WIDTH))


def volume_painted_on(*slices: int, step: float = 1.0) -> SlicedVolume:
    """Label 1 on the left part of the slices, label 2 on the rest of their first row; pixels of 1 x 2 mm."""
    painted = np.zeros((DEPTH, HEIGHT, WIDTH), np.uint8)
    for z in slices:
        painted[z, 0] = 2
        painted[z, :, :2] = 1
    return SlicedVolume(painted.astype(np.float32), painted, step, (1.0, 2.0), None)  # type: ignore[arg-type]


def softened(logits: np.ndarray) -> np.ndarray:
    """Probabilities whose odds are the square root of what the network says."""
    return expit(logits / 2)


def averaged(volume: SlicedVolume, gap: Gap, batches: list[list[FilledSlice]]) -> dict[int, FilledSlice]:
    released = list(AcrossSlices(volume, 1, gap).of(iter(batches)))
    assert all(released), "no batch is empty"
    indices = [filled.index for batch in released for filled in batch]
    assert len(set(indices)) == len(indices)
    return {filled.index: filled for batch in released for filled in batch}


@given(
    painted=st.sets(st.integers(0, DEPTH - 1), min_size=1, max_size=3),
    size=st.integers(1, 4),
    seed=st.integers(0, 999),
    step=st.sampled_from([0.25, 1.0, 2.0, 8.0]),
)
def test_averaged_with_the_slices_beside_the_less_the_farther(
    painted: set[int], size: int, seed: int, step: float
) -> None:
    volume = volume_painted_on(*painted, step=step)
    share = {0.25: 0.2, 1.0: 0.2, 2.0: 0.1, 8.0: 0.004}[step]
    logits = np.random.default_rng(seed).normal(0, 3, volume.image.shape).astype(np.float32)
    before = softened(logits)
    before[sorted(painted)] = volume.painted[sorted(painted)] == 1
    expected = correlate1d(before, [share, 1 - 2 * share, share], axis=0, mode="nearest")
    for gap in find_gaps(sorted(painted), sorted(painted), DEPTH, 5, "auto"):
        filled = [FilledSlice(z, WHOLE, logits[z], None) for z in gap.slices]
        batches = [filled[start : start + size] for start in range(0, len(filled), size)]
        found = averaged(volume, gap, batches)
        assert set(found) == set(gap.slices)
        for z, slice_ in found.items():
            assert slice_.logits.dtype == np.float32
            np.testing.assert_allclose(softened(slice_.logits), expected[z], atol=2e-6)


def test_a_slice_waits_for_those_beside_it_and_no_longer() -> None:
    volume = volume_painted_on(0, 8)
    (gap,) = find_gaps([0, 8], [0, 8], DEPTH, 5, "painted")
    assert gap.slices == (1, 7, 2, 6, 3, 5, 4)
    given_: list[int] = []

    def batches() -> list[list[FilledSlice]]:
        return [[FilledSlice(z, WHOLE, np.zeros((HEIGHT, WIDTH), np.float32), None)] for z in gap.slices]

    def watched() -> object:
        for batch in batches():
            given_.append(batch[0].index)
            yield batch

    seen = [
        (given_[-1], [filled.index for filled in batch])
        for batch in AcrossSlices(volume, 1, gap).of(watched())  # type: ignore[arg-type]
    ]
    assert seen == [(2, [1]), (6, [7]), (3, [2]), (5, [6]), (4, [3, 5, 4])]


def test_beyond_the_last_slice_nothing_is_taken_for_empty() -> None:
    """Where a structure ends before its gap does, its last slices come out all the same."""
    volume, logits = volume_painted_on(0), np.random.default_rng(1).normal(0, 3, (4, HEIGHT, WIDTH))
    (gap,) = find_gaps([0], [0], DEPTH, 5, "auto")
    found = averaged(volume, gap, [[FilledSlice(z, WHOLE, logits[z].astype(np.float32), None) for z in (1, 2, 3)]])
    assert set(found) == {1, 2, 3}
    expected = 0.2 * softened(logits[2]) + 0.8 * softened(logits[3])
    np.testing.assert_allclose(softened(found[3].logits), expected, atol=2e-6)


def test_windows_may_differ() -> None:
    volume = volume_painted_on(0)
    gap = Gap(None, None, (4, 5), (0,))
    small = (slice(1, 3), slice(2, 4))
    found = averaged(
        volume,
        gap,
        [
            [FilledSlice(4, WHOLE, np.full((HEIGHT, WIDTH), -2, np.float32), None)],
            [FilledSlice(5, small, np.full((2, 2), 4, np.float32), None)],
        ],
    )
    low, high = softened(np.float32(-2)), softened(np.float32(4))
    expected = np.full((HEIGHT, WIDTH), low)  # what was not looked at beside it is not taken for empty
    expected[small] = 0.8 * low + 0.2 * high
    np.testing.assert_allclose(softened(found[4].logits), expected, atol=1e-6)
    np.testing.assert_allclose(softened(found[5].logits), 0.8 * high + 0.2 * low, atol=1e-6)
    assert found[5].window == small


@pytest.mark.parametrize("value", [-30.0, 30.0])
def test_sure_slices_stay_sure_and_finite(value: float) -> None:
    volume = volume_painted_on(0)
    logits = np.full((HEIGHT, WIDTH), value, np.float32)
    found = averaged(volume, Gap(None, None, (4,), (0,)), [[FilledSlice(4, WHOLE, logits, None)]])
    assert np.isfinite(found[4].logits).all() and (np.sign(found[4].logits) == np.sign(value)).all()
    assert (np.abs(found[4].logits) > 20).all()
