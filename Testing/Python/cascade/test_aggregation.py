"""Eq. 3: averaging over the patches that cover a pixel, against a loop."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.cascade.aggregation import aggregate
from PatchICLLib.cascade.patches import PatchGrid, crop_patches


def by_loop(patches: np.ndarray, indices: np.ndarray, grid: PatchGrid, valid: np.ndarray):
    n, k = indices.shape
    average, coverage = np.zeros((2, n, 1, grid.size, grid.size))
    for i in range(n):
        values: dict[tuple[int, int], list[float]] = {}
        for j in range(k):
            if not valid[i, j]:
                continue
            row, column = (int(x) * grid.stride for x in divmod(indices[i, j], grid.side))
            for y in range(grid.patch):
                for x in range(grid.patch):
                    values.setdefault((row + y, column + x), []).append(patches[i * k + j, 0, y, x])
        for (y, x), seen in values.items():
            average[i, 0, y, x], coverage[i, 0, y, x] = np.mean(seen), 1
    return average, coverage


@given(st.sampled_from([(12, 4, 4), (12, 4, 2), (13, 4, 3), (12, 8, 1), (8, 8, 8)]), st.data())
def test_against_a_loop(shape, data):
    grid = PatchGrid(*shape)
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    k = data.draw(st.integers(1, grid.count))
    indices = np.stack([rng.permutation(grid.count)[:k] for _ in range(2)])
    valid = rng.random((2, k)) < data.draw(st.sampled_from([0.0, 0.6, 1.0]))
    patches = rng.normal(size=(2 * k, 1, grid.patch, grid.patch))
    ours = aggregate(torch.from_numpy(patches), torch.from_numpy(indices), grid, torch.from_numpy(valid))
    for got, expected in zip(ours, by_loop(patches, indices, grid, valid), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-12)


def test_all_patches_count_when_no_places_are_marked():
    grid = PatchGrid(8, 4, 4)
    patches, indices = torch.randn(4, 1, 4, 4), torch.tensor([[0, 3], [1, 1]])
    for got, expected in zip(
        aggregate(patches, indices, grid), aggregate(patches, indices, grid, indices >= 0), strict=True
    ):
        assert torch.equal(got, expected)


def test_patches_put_back_where_they_were_cut_give_the_image():
    grid = PatchGrid(16, 8, 2)
    image = torch.randn(1, 1, 16, 16)
    everywhere = torch.arange(grid.count)[None]
    average, coverage = aggregate(crop_patches(image, everywhere, grid), everywhere, grid)
    torch.testing.assert_close(average, image)
    assert coverage.min() == 1


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_pixels_that_no_patch_covers_are_zero_whatever_lies_elsewhere(value):
    grid = PatchGrid(8, 4, 4)
    average, coverage = aggregate(torch.full((1, 1, 4, 4), value), torch.tensor([[2]]), grid)
    assert average[0, 0][coverage[0, 0] == 0].eq(0).all()
    assert coverage.sum() == 16
