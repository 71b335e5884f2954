"""Synthetic scans hold what they should, and are painted on three slices."""

import numpy as np
import pytest

from PatchICLLib.benchmark.scans import Scan, organs, painted_phantom, phantom
from PatchICLLib.errors import InputError


def test_the_phantom_is_a_vessel_through_all_slices():
    image, mask = phantom((20, 64, 64))
    assert image.dtype == np.int16
    assert mask.any((1, 2)).all()
    assert not mask.all((1, 2)).any()
    assert image[mask].mean() - image[~mask].mean() == pytest.approx(110, abs=3)
    middles = [np.argwhere(plane).mean(0) for plane in mask]
    assert max(np.linalg.norm(b - a) for a, b in zip(middles, middles[1:], strict=False)) < 2


def test_painted_slices_span_the_phantom():
    _, painted, mask = painted_phantom((21, 64, 64))
    assert np.flatnonzero(painted.any((1, 2))).tolist() == [0, 10, 20]
    assert (painted[10] == mask[10]).all()


def test_organs_are_of_the_same_sizes_however_many():
    _, four = organs((20, 96, 96), 4)
    image, eight = organs((20, 96, 96), 8)
    _, many = organs((20, 96, 96), 24)
    assert (eight[four > 0] == four[four > 0]).all()
    assert set(np.unique(many)) == set(range(25))
    sizes = np.bincount(eight.ravel())[1:]
    assert len(sizes) == 8 and sizes.min() > sizes.max() / 3
    for label in range(1, 9):
        assert image[eight == label].mean() - 100 == pytest.approx(60 * (1 + (label - 1) % 5), abs=3)


def test_names_are_read_back():
    for text, labels in (("64x64x20", 1), ("64x64x20:3", 3)):
        scan = Scan.parse(text)
        assert (scan.shape, scan.labels, scan.name) == ((20, 64, 64), labels, "64x64x20")
    image, labels = scan.made()
    painted = scan.painted(labels)
    held = np.flatnonzero(labels.any((1, 2)))
    assert np.flatnonzero(painted.any((1, 2))).tolist() == [held[0], 10, held[-1]]
    assert image.shape == painted.shape == (20, 64, 64)
    for text in ("64x32x20", "60x60x20", "64x64x7", "64x64x20:256", "64x64x20:", "x"):
        with pytest.raises(InputError, match="192x192x120:24"):
            Scan.parse(text)
