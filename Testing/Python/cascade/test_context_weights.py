"""Context patches are weighted by closeness to the mask's boundary: against brute force over all pairs of pixels."""

import numpy as np
import pytest
import torch

from PatchICLLib.cascade.context_weights import context_patch_weights


def brute_force_distance(mask: np.ndarray) -> np.ndarray:
    """Distance of every pixel to the nearest pixel of the other kind."""
    places = np.stack(np.indices(mask.shape), -1).reshape(-1, 2)
    kinds = mask.reshape(-1)
    pairs = np.linalg.norm(places[:, None] - places[None], axis=-1)
    return np.where(kinds[:, None] != kinds[None], pairs, np.inf).min(1).reshape(mask.shape)


@pytest.mark.parametrize(("size", "patch", "stride"), [(16, 4, 4), (24, 8, 4)])
def test_weights_against_brute_force(size, patch, stride):
    rng = np.random.default_rng(0)
    masks = np.zeros((3, 1, size, size), np.float32)
    masks[0, 0, 3:9, 5:12] = 1
    masks[1, 0] = rng.random((size, size)) > 0.5
    masks[2, 0, 0, 0] = 1
    starts = range(0, size - patch + 1, stride)
    expected = []
    for mask in masks[:, 0]:
        distance = brute_force_distance(mask >= 0.5)
        means = [distance[r : r + patch, c : c + patch].mean() for r in starts for c in starts]
        expected.append(np.exp(-np.array(means) / patch))
    np.testing.assert_allclose(context_patch_weights(torch.from_numpy(masks), patch, stride), expected, rtol=1e-5)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_mask_without_boundary_gives_equal_weights(value):
    assert context_patch_weights(torch.full((1, 1, 16, 16), value), 4, 4).unique().tolist() == [1]


def test_a_structure_too_thin_for_a_coarse_level_is_still_found():
    """After pooling it may stay under 0.5 everywhere; half its maximum marks it then."""
    mask = torch.zeros(1, 1, 16, 16)
    mask[0, 0, :, 13] = 0.2
    weights = context_patch_weights(mask, 4, 4).reshape(4, 4)
    assert weights.argmax(1).tolist() == [3, 3, 3, 3]


def test_far_patches_keep_a_weight():
    mask = torch.zeros(1, 1, 512, 512)
    mask[0, 0, 0, 0] = 1
    weights = context_patch_weights(mask, 4, 4)
    assert weights.min() > 0
    assert weights.argmax() == 0
