"""The trace tells what was done: equations 1 to 4 are recomputed from it."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from PatchICLLib.cascade.context_weights import context_patch_weights


@pytest.fixture(params=[8, 4], ids=["tiled", "overlapping"])
def run(request, small_cascade, discs, all_hints):
    model = small_cascade(patch_stride=request.param)
    images, masks = discs(2, 2, 64)
    hints = all_hints(4, 64)
    with torch.inference_mode():
        context = model.encode_context(images, masks)
        output = model(discs(2, 2, 64, 1)[0].reshape(4, 1, 64, 64), context, hints)
    return model, masks, hints, output


def test_weights_are_the_mean_entropy_of_the_prediction_before(run):
    model, _, _, output = run
    c = model.configuration
    for level in output.levels:
        p = 1 / (1 + np.exp(-level.before[:, 0].double().numpy()))
        entropy = -p * np.log2(p) - (1 - p) * np.log2(1 - p)
        starts = range(0, level.resolution - c.patch_size + 1, c.patch_stride)
        means = [entropy[:, y : y + c.patch_size, x : x + c.patch_size].mean((1, 2)) for y in starts for x in starts]
        np.testing.assert_allclose(level.weights, np.stack(means, 1), atol=1e-4)


def test_the_most_uncertain_patches_were_chosen(run):
    model, _, _, output = run
    for number, level in enumerate(output.levels):
        k = min(model.configuration.target_patches[number], level.grid.count)
        assert level.selection.count == k
        for weights, chosen in zip(level.weights.numpy(), level.selection.indices.numpy(), strict=True):
            np.testing.assert_allclose(weights[chosen], np.sort(weights)[::-1][:k])


def test_coverage_is_the_union_of_the_chosen_patches(run):
    for level in run[3].levels:
        for n, corners in enumerate(level.grid.corners(level.selection.indices).tolist()):
            expected = np.zeros((level.resolution, level.resolution))
            for row, column in corners:
                expected[row : row + level.grid.patch, column : column + level.grid.patch] = 1
            np.testing.assert_array_equal(level.coverage[n, 0], expected)


def test_a_level_changes_nothing_outside_its_coverage(run):
    for level in run[3].levels:
        outside = level.coverage == 0
        assert torch.equal(level.after[outside], level.before[outside])
    assert any((level.coverage == 0).any() for level in run[3].levels)
    assert all(not torch.equal(level.after, level.before) for level in run[3].levels)


def test_each_level_starts_from_the_start_at_its_resolution_and_the_correction_before(run):
    model, _, hints, output = run
    gains = model.prior_gains.detach()
    start = gains[0] * hints.shape[:, :1] + gains[1] * hints.vote[:, :1]

    def at(resolution):
        return functional.avg_pool2d(start, 64 // resolution)

    previous = None
    for level in output.levels:
        expected = at(level.resolution)
        if previous is not None:
            correction = previous.after - at(previous.resolution)
            expected = expected + functional.interpolate(correction, size=level.resolution, mode="bilinear")
        torch.testing.assert_close(level.before, expected, rtol=1e-4, atol=1e-4)
        previous = level
    assert torch.equal(output.logits, previous.after)


def test_context_patches_are_those_closest_to_the_masks_boundary(run):
    model, masks, _, output = run
    c = model.configuration
    for number, level in enumerate(output.levels):
        small = functional.avg_pool2d(masks, 64 // level.resolution).reshape(4, 1, level.resolution, level.resolution)
        weights = context_patch_weights(small, c.patch_size, c.patch_stride)
        chosen = level.context.reshape(4, -1)
        k = min(c.context_patches[number], level.grid.count)
        assert chosen.shape[1] == k
        torch.testing.assert_close(weights.gather(1, chosen), weights.sort(1, descending=True).values[:, :k])
