"""Eq. 5 and 6 by hand."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from PatchICLLib.cascade.patches import PatchGrid
from PatchICLLib.training.loss import cascade_loss, level_loss, recital_loss, soft_dice_loss


def by_hand(logits: np.ndarray, target: np.ndarray) -> float:
    """Mean cross-entropy of all pixels, plus one minus the smoothed soft Dice of each sample, averaged."""
    p = 1 / (1 + np.exp(-logits))
    entropy = np.mean(-target * np.log(p) - (1 - target) * np.log(1 - p))
    smooth = 0.002 * logits.shape[-1] * logits.shape[-2]
    dice = [(2 * (a * y).sum() + smooth) / (a.sum() + y.sum() + smooth) for a, y in zip(p, target, strict=True)]
    return entropy + np.mean(1 - np.array(dice))


def test_level_loss_by_hand():
    rng = np.random.default_rng(0)
    logits, target = rng.normal(0, 3, (3, 1, 6, 6)), rng.random((3, 1, 6, 6))
    assert level_loss(torch.from_numpy(logits), torch.from_numpy(target)).item() == pytest.approx(
        by_hand(logits, target)
    )


def test_one_pixel_worked_out():
    """p = 1/2 everywhere, half of 4 pixels inside: cross-entropy ln 2, Dice (2 + e) / (4 + e) with e = 0.008."""
    loss = level_loss(torch.zeros(1, 1, 2, 2), torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]]]))
    assert loss.item() == pytest.approx(math.log(2) + 1 - 2.008 / 4.008)


def test_all_levels_count_alike_against_the_pooled_mask():
    rng = np.random.default_rng(1)
    target = (rng.random((2, 1, 8, 8)) < 0.5).astype(float)
    after = {4: rng.normal(size=(2, 1, 4, 4)), 8: rng.normal(size=(2, 1, 8, 8))}
    levels = tuple(SimpleNamespace(resolution=r, after=torch.from_numpy(x)) for r, x in after.items())
    pooled = target.reshape(2, 1, 4, 2, 4, 2).mean((3, 5))
    expected = by_hand(after[4], pooled) + by_hand(after[8], target)
    assert cascade_loss(SimpleNamespace(levels=levels), torch.from_numpy(target)).item() == pytest.approx(expected)


def test_dice_loss_ranges_from_0_to_1_and_spares_empty_slices():
    y = torch.zeros(1, 1, 16, 16)
    y[..., 4:12, 4:12] = 1
    certain = (2 * y - 1) * 50
    assert soft_dice_loss(certain, y).item() == pytest.approx(0, abs=1e-6)
    assert soft_dice_loss(-certain, y).item() == pytest.approx(1, abs=0.01)
    assert soft_dice_loss(torch.full_like(y, -50.0), torch.zeros_like(y)).item() == pytest.approx(0, abs=1e-6)


def test_recital_compares_the_patches_of_the_first_context_image_with_its_own_mask():
    rng = np.random.default_rng(2)
    masks = (rng.random((2, 3, 16, 16)) < 0.5).astype(float)  # two sets of three images; the level has half the pixels
    indices = torch.tensor([[[3, 0], [1, 2], [0, 1]], [[2, 1], [0, 3], [3, 2]]])
    recited = rng.normal(size=(2, 2, 4, 4))
    level = SimpleNamespace(resolution=8, grid=PatchGrid(8, 4, 4), context=indices, recited=torch.from_numpy(recited))
    pooled = masks[:, 0].reshape(2, 8, 2, 8, 2).mean((2, 4))
    corners = {0: (0, 0), 1: (0, 4), 2: (4, 0), 3: (4, 4)}
    truth = np.stack(
        [
            np.concatenate([pooled[s, r : r + 4, c : c + 4] for r, c in (corners[n] for n in indices[s, 0].tolist())])
            for s in (0, 1)
        ]
    )
    loss = recital_loss(SimpleNamespace(levels=(level,)), torch.from_numpy(masks))
    assert loss.item() == pytest.approx(by_hand(recited.reshape(2, 1, 8, 4), truth[:, None]))
