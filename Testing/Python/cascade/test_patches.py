"""Candidate patches and their crops, against slicing of padded arrays."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.cascade.patches import PatchGrid, crop_patches

GRIDS = [(16, 4, 4), (16, 4, 2), (20, 8, 4), (8, 8, 8), (21, 5, 8)]


@pytest.mark.parametrize(("size", "patch", "stride"), GRIDS)
def test_corners_run_row_by_row(size, patch, stride):
    grid = PatchGrid(size, patch, stride)
    starts = list(range(0, size - patch + 1, stride))
    expected = [[r, c] for r in starts for c in starts]
    assert grid.side == len(starts)
    assert grid.count == len(expected)
    assert grid.corners(torch.arange(grid.count)).tolist() == expected
    assert grid.corners(torch.arange(grid.count).view(1, -1)).shape == (1, grid.count, 2)


@given(st.sampled_from(GRIDS), st.integers(0, 6), st.integers(1, 3), st.integers(0, 1000))
def test_crops_are_slices_of_the_padded_image(shape, halo, channels, seed):
    grid = PatchGrid(*shape)
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(2, channels, grid.size, grid.size)).astype(np.float32)
    indices = np.stack([rng.permutation(grid.count)[: min(3, grid.count)] for _ in range(2)])
    crops = crop_patches(torch.from_numpy(images), torch.from_numpy(indices), grid, halo).numpy()
    padded = np.pad(images, ((0, 0), (0, 0), (halo, halo), (halo, halo)), mode="edge")
    window, expected = grid.patch + 2 * halo, []
    for n in range(2):
        for index in indices[n]:
            r, c = (int(x) * grid.stride for x in divmod(index, grid.side))
            expected.append(padded[n, :, r : r + window, c : c + window])
    np.testing.assert_array_equal(crops, np.stack(expected))


def test_gradients_flow_back_to_the_pixels_of_a_crop_only():
    grid = PatchGrid(8, 4, 4)
    image = torch.zeros(1, 1, 8, 8, requires_grad=True)
    crop_patches(image, torch.tensor([[3]]), grid).sum().backward()
    expected = torch.zeros(8, 8)
    expected[4:, 4:] = 1
    assert torch.equal(image.grad[0, 0], expected)


@pytest.mark.parametrize(("size", "patch", "stride"), [(8, 16, 8), (18, 8, 4)])
def test_patches_that_do_not_tile_are_refused(size, patch, stride):
    with pytest.raises(ValueError, match=f"do not tile {size} pixels"):
        PatchGrid(size, patch, stride)
