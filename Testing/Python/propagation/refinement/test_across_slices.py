"""Averages of slices with those beside them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import correlate1d
from scipy.special import expit

from PatchICLLib.propagation.geometry.gaps import Gap, find_gaps
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.propagation.refinement.across_slices import AcrossSlices
from PatchICLLib.propagation.refinement.painted_bounds import PaintedBounds
from PatchICLLib.propagation.result.filled_slices import FilledSlices

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


def filled(indices: tuple[int, ...], logits: np.ndarray, window: tuple[slice, slice] = WHOLE) -> FilledSlices:
    return FilledSlices(1, indices, window, torch.from_numpy(np.asarray(logits, np.float32)))


def averaged(
    volume: SlicedVolume, gap: Gap, batches: list[FilledSlices]
) -> dict[int, tuple[np.ndarray, tuple[slice, slice]]]:
    """Logits and window of each slice."""
    across = AcrossSlices(volume, gap, PaintedBounds(volume, 1, gap))
    released = [part for batch in batches for part in across.add(batch)] + across.rest()
    assert all(len(part) for part in released), "no batch is empty"
    assert all(part.logits.dtype == torch.float32 for part in released)
    indices = [z for part in released for z in part.indices]
    assert len(set(indices)) == len(indices)
    return {
        z: (plane.numpy(), part.window) for part in released for z, plane in zip(part.indices, part.logits, strict=True)
    }


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
        whole = filled(gap.slices, logits[list(gap.slices)])
        found = averaged(volume, gap, [whole[start : start + size] for start in range(0, len(whole), size)])
        assert set(found) == set(gap.slices)
        for z, (plane, _) in found.items():
            np.testing.assert_allclose(softened(plane), expected[z], atol=2e-6)


@pytest.mark.parametrize(("distinct", "share"), [(0.0, 0.2), (0.6, 0.2), (0.7, 0.1), (0.8, 0.0), (1.0, 0.0)])
def test_the_better_intensities_tell_the_structure_the_less_is_averaged(distinct: float, share: float) -> None:
    volume = volume_painted_on(0, 8)
    (gap,) = find_gaps([0, 8], [0, 8], DEPTH, 5, "painted")
    logits = np.zeros((7, HEIGHT, WIDTH))
    logits[gap.slices.index(4), 1, 1] = 4.0
    across = AcrossSlices(volume, gap, PaintedBounds(volume, 1, gap), distinct)
    found = {
        z: plane
        for part in across.add(filled(gap.slices, logits))
        for z, plane in zip(part.indices, part.logits, strict=True)
    }
    own, other = softened(np.array([4.0, 0.0]))
    for z, expected in ((4, (1 - 2 * share) * own + 2 * share * other), (3, (1 - share) * other + share * own)):
        assert softened(found[z].numpy())[1, 1] == pytest.approx(expected, abs=1e-5)


def test_a_slice_waits_for_those_beside_it_and_no_longer() -> None:
    volume = volume_painted_on(0, 8)
    (gap,) = find_gaps([0, 8], [0, 8], DEPTH, 5, "painted")
    assert gap.slices == (1, 7, 2, 6, 3, 5, 4)
    across, seen = AcrossSlices(volume, gap, PaintedBounds(volume, 1, gap)), []
    for z in gap.slices:
        released = across.add(filled((z,), np.zeros((1, HEIGHT, WIDTH))))
        seen += [(z, part.indices) for part in released]
    assert seen == [(2, (1,)), (6, (7,)), (3, (2,)), (5, (6,)), (4, (3, 5, 4))] and not across.rest()


def test_beyond_the_last_slice_nothing_is_taken_for_empty() -> None:
    """Where a structure ends before its gap does, its last slices come out all the same."""
    volume, logits = volume_painted_on(0), np.random.default_rng(1).normal(0, 3, (4, HEIGHT, WIDTH))
    (gap,) = find_gaps([0], [0], DEPTH, 5, "auto")
    found = averaged(volume, gap, [filled((1, 2, 3), logits[1:])])
    assert set(found) == {1, 2, 3}
    expected = 0.2 * softened(logits[2]) + 0.8 * softened(logits[3])
    np.testing.assert_allclose(softened(found[3][0]), expected, atol=2e-6)


def test_windows_may_differ() -> None:
    volume = volume_painted_on(0)
    gap = Gap(None, None, (4, 5), (0,))
    small = (slice(1, 3), slice(2, 4))
    found = averaged(
        volume,
        gap,
        [
            filled((4,), np.full((1, HEIGHT, WIDTH), -2)),
            filled((5,), np.full((1, 2, 2), 4), small),
        ],
    )
    low, high = softened(np.float32(-2)), softened(np.float32(4))
    expected = np.full((HEIGHT, WIDTH), low)  # what was not looked at beside it is not taken for empty
    expected[small] = 0.8 * low + 0.2 * high
    np.testing.assert_allclose(softened(found[4][0]), expected, atol=1e-6)
    np.testing.assert_allclose(softened(found[5][0]), 0.8 * high + 0.2 * low, atol=1e-6)
    assert found[5][1] == small


@pytest.mark.parametrize("value", [-30.0, 30.0])
def test_sure_slices_stay_sure_and_finite(value: float) -> None:
    volume = volume_painted_on(0)
    logits = np.full((1, HEIGHT, WIDTH), value)
    found = averaged(volume, Gap(None, None, (4,), (0,)), [filled((4,), logits)])
    assert np.isfinite(found[4][0]).all() and (np.sign(found[4][0]) == np.sign(value)).all()
    assert (np.abs(found[4][0]) > 20).all()
