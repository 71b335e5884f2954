"""Runs of several axes fused: a part at a time is as good as all at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from PatchICLLib.propagation import Propagator, fusion


@pytest.mark.parametrize("voxels", [1, 700])
@pytest.mark.parametrize("flip", [False, True])
def test_in_parts_as_at_once(
    new_engine: Callable[[], Propagator], monkeypatch: pytest.MonkeyPatch, voxels: int, flip: bool
) -> None:
    engine = new_engine()
    k, j, i = np.ogrid[:24, :20, :22]
    mask = ((k - 11) / 8) ** 2 + ((j - 10) / 6) ** 2 + ((i - 9 - (k - 11) / 4) / 6) ** 2 < 1
    image = np.where(mask, 90.0, 20.0).astype(np.float32) + np.random.default_rng(5).normal(0, 4, mask.shape)
    planes = [(0, 11), (1, 10), (2, 9)]
    painted = np.zeros(mask.shape, np.uint8)
    for axis, index in planes:
        np.moveaxis(painted, axis, 0)[index] = mask.take(index, axis)
    if flip:
        image, painted, planes = image[::-1], painted[::-1], [(0, 12), (1, 10), (2, 9)]
    results = []
    for count in (10**9, voxels):
        monkeypatch.setattr(fusion, "_CHUNK", count)
        results.append(engine.propagate(image, painted, (1.5, 1.0, 1.0), painted_slices=planes))
    assert results[0].labels.sum() > painted.sum()
    np.testing.assert_array_equal(results[0].labels, results[1].labels)
    np.testing.assert_array_equal(results[0].probability, results[1].probability)
