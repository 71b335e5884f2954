"""Signed distances against brute force and closed forms."""

from __future__ import annotations

import numpy as np

from PatchICLLib.hints.signed_distance import signed_distance


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
