"""Distances to boundaries against SciPy's transform."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from PatchICLLib.cascade import euclidean_distance
from PatchICLLib.cascade.euclidean_distance import boundary_distance


def by_scipy(mask: np.ndarray, pixel: tuple[float, float]) -> np.ndarray:
    if not mask.any() or mask.all():
        return np.full(mask.shape, np.inf)
    inside, outside = (ndimage.distance_transform_edt(side, sampling=pixel) for side in (mask, ~mask))
    return np.where(mask, inside, outside)


@given(
    masks=hnp.arrays(bool, hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=17)),
    pixel=st.tuples(*2 * [st.sampled_from([0.3, 1.0, 2.5])]),
    chunk=st.sampled_from([1, 300, 1 << 20]),
)
def test_as_scipy_whatever_is_measured_at_once(masks, pixel, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(euclidean_distance._CHUNK, "cpu", chunk)
        found = boundary_distance(torch.from_numpy(masks), pixel)
    np.testing.assert_allclose(found, np.stack([by_scipy(m, pixel) for m in masks]), rtol=1e-6)


@pytest.mark.parametrize("wide", [64, 256])
@pytest.mark.parametrize("size", [128, 256])
def test_as_scipy_on_blobs(size, wide, monkeypatch):
    monkeypatch.setattr(euclidean_distance, "_WIDE", wide)
    field = ndimage.gaussian_filter(np.random.default_rng(0).random((3, size, size)), (0, size / 12, size / 12))
    masks = field > field.mean() + 0.5 * field.std()
    masks[2] = True
    found = boundary_distance(torch.from_numpy(masks))
    np.testing.assert_allclose(found, np.stack([by_scipy(m, (1.0, 1.0)) for m in masks]), rtol=1e-6)
    assert (boundary_distance(torch.from_numpy(masks[1:2]))[0] == found[1]).all()
