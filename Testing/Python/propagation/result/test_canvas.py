"""Fusion of labels, and entropy in bits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from PatchICLLib.propagation.gap_filling import FilledSlice
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.propagation.result.canvas import Canvas, entropy_bits

WINDOW = (slice(1, 3), slice(0, 3))


@pytest.fixture
def volume() -> SlicedVolume:
    """Slice 0 painted with label 4 at (1, 1); stored order is kept in the plane by the spacing."""
    painted = np.zeros((3, 4, 5), np.int16)
    painted[0, 1, 1] = 4
    image = np.zeros(painted.shape)
    image[0, 0, 0] = 1
    return SlicedVolume.along(0, image, painted, (1.0, 2.0, 1.0))


def logits(*values: float) -> np.ndarray:
    return np.array(values, np.float32).reshape(2, 3)


def test_the_largest_logit_above_0_wins_in_any_order(volume: SlicedVolume) -> None:
    pieces = {
        2: logits(1, -1, 3, 0, 30, -3),
        7: logits(2, -2, 2, -1, 30, 0.5),
        9: logits(-5, 0, -4, -4, 29, 0.25),
    }
    for order in itertools.permutations(pieces):
        canvas = Canvas(volume, dict.fromkeys(pieces, (0,)))
        for label in order:
            canvas.add(label, FilledSlice(1, WINDOW, pieces[label], None))
        labels, probability = canvas.finish()
        np.testing.assert_array_equal(labels[1, 1:3, :3], [[7, 0, 2], [0, 2, 7]])
        np.testing.assert_allclose(
            probability[1, 1:3, :3], 1 / (1 + np.exp(-logits(2, 0, 3, 0, 30, 0.5).astype(float))), rtol=1e-6
        )
        assert not labels[2].any() and not labels[1, 0].any() and not labels[1, :, 3:].any()


def test_painted_voxels_are_never_touched(volume: SlicedVolume) -> None:
    canvas = Canvas(volume, {4: (0,), 5: (2,)})
    canvas.add(5, FilledSlice(0, WINDOW, logits(9, 9, 9, 9, 9, 9), None))
    labels, probability = canvas.finish()
    assert labels[0, 1, 1] == 4 and probability[0, 1, 1] == 1
    assert labels.dtype == np.int16 and (labels[0] == 5).sum() == 5


def test_figures_of_a_slice(volume: SlicedVolume) -> None:
    canvas = Canvas(volume, {4: (0,)})
    figures = canvas.add(4, FilledSlice(1, WINDOW, logits(0, 0, -60, -60, -60, 60), None))
    assert figures == {"uncertainty": pytest.approx(2 / 4), "entropy": pytest.approx(2), "voxels": 1}
    certain = canvas.add(4, FilledSlice(2, WINDOW, logits(*[-200] * 6), None))
    assert certain == {"uncertainty": 0.0, "entropy": 0.0, "voxels": 0}
    np.testing.assert_allclose(canvas.entropy()[1, 1:3, :3], [[1, 1, 0], [0, 0, 0]], atol=1e-6)


@given(arrays(np.float32, (3, 4), elements=st.floats(0, 1, width=32)))
def test_entropy_bits(probability: np.ndarray) -> None:
    entropy = entropy_bits(probability)
    assert entropy.dtype == np.float32 and (entropy >= 0).all() and (entropy <= 1 + 1e-6).all()
    p = probability.astype(np.float64)
    q = 1 - p
    expected = -(p * np.log2(np.where(p > 0, p, 1)) + q * np.log2(np.where(q > 0, q, 1)))
    np.testing.assert_allclose(entropy, expected, atol=1e-5)


def test_entropy_bits_at_the_ends() -> None:
    np.testing.assert_array_equal(entropy_bits(np.array([0, 0.5, 1], np.float32)), [0, 1, 0])
