"""Signed distances against brute force and closed forms."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from PatchICLLib.hints.signed_distance import signed_distance, signed_distances


def test_brute_force_on_anisotropic_pixels() -> None:
    random = np.random.default_rng(1)
    mask = random.random((9, 7)) > 0.6
    rows, columns = np.meshgrid(np.arange(9) * 0.7, np.arange(7) * 2.0, indexing="ij")
    expected = np.empty((9, 7))
    for index in np.ndindex(9, 7):
        other = mask != mask[index]
        gap = np.hypot(rows[other] - rows[index], columns[other] - columns[index]).min() - 0.35
        expected[index] = gap if mask[index] else -gap
    np.testing.assert_allclose(signed_distance(mask, (0.7, 2.0)), expected, rtol=1e-5)


def test_a_half_plane() -> None:
    columns = np.broadcast_to(np.arange(64) + 0.5, (64, 64))
    np.testing.assert_allclose(signed_distance(columns > 20), columns - 20, atol=1e-5)


def test_without_a_boundary() -> None:
    assert (signed_distance(np.zeros((4, 4), bool)) == -np.inf).all()
    assert (signed_distance(np.ones((4, 4), bool)) == np.inf).all()


@given(
    masks=hnp.arrays(bool, hnp.array_shapes(min_dims=3, max_dims=3, max_side=9)),
    pixel=st.tuples(*2 * [st.sampled_from([0.7, 1.0, 2.0])]),
)
def test_many_on_the_device_as_one_on_the_host(masks: np.ndarray, pixel: tuple[float, float]) -> None:
    found = signed_distances(torch.from_numpy(masks), pixel)
    np.testing.assert_allclose(found, np.stack([signed_distance(mask, pixel) for mask in masks]), rtol=1e-5)
