"""Bilinear resizing: between pixel centres, and the same by matrix products as torch's own."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from PatchICLLib.cascade.resizing import by_products, pool, resized


@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 1000))
def test_it_is_linear_between_pixel_centres(size, factor, seed):
    coarse = np.random.default_rng(seed).normal(size=(size, size))
    fine = resized(torch.from_numpy(coarse)[None, None], size * factor)[0, 0].numpy()
    centres = (np.arange(size * factor) + 0.5) / factor - 0.5
    rows = np.stack([np.interp(centres, np.arange(size), column) for column in coarse.T], 1)
    expected = np.stack([np.interp(centres, np.arange(size), row) for row in rows])
    np.testing.assert_allclose(fine, expected, atol=1e-12)


@given(st.integers(1, 33), st.integers(1, 66), st.sampled_from([torch.contiguous_format, torch.channels_last]))
def test_products_are_the_same_as_torch_interpolates(inputs, outputs, layout):
    maps = torch.rand(3, 5, inputs, inputs, generator=torch.Generator().manual_seed(0)).contiguous(memory_format=layout)
    expected = functional.interpolate(maps, size=(outputs, outputs), mode="bilinear", align_corners=False)
    torch.testing.assert_close(by_products(maps, outputs), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("side", [4, 8, 16, 32, 64])
def test_doubling_by_products_is_exact_to_rounding(side):
    maps = torch.rand(3, 5, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1
    expected = functional.interpolate(maps, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(by_products(maps, 2 * side), expected, rtol=0, atol=5e-7)


def test_products_do_not_lose_precision_where_half_is_asked_for():
    maps = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        doubled = by_products(maps, 16)
    assert torch.equal(doubled, by_products(maps, 16))


@pytest.mark.parametrize(("size", "smaller"), [(16, 4), (16, 16), (12, 5)])
def test_pooling_keeps_the_mean(size, smaller):
    x = torch.rand(2, 3, size, size)
    pooled = pool(x, smaller)
    assert pooled.shape == (2, 3, smaller, smaller)
    if size % smaller == 0:
        f = size // smaller
        torch.testing.assert_close(pooled, x.reshape(2, 3, smaller, f, smaller, f).mean((3, 5)))
