"""Guides and hints of painted slices, in the shapes that the cascade reads."""

from __future__ import annotations

import numpy as np
import torch

from PatchICLLib.hints.likelihood import Likelihood
from PatchICLLib.hints.painted_stack import PaintedStack, guides_on_slices, votes_on_slices

DEPTH, SIDE = 9, 64
PAINTED = np.array([1, 7])
STEP = 0.05


def cylinder() -> tuple[torch.Tensor, torch.Tensor]:
    """A bright cylinder in noise: images (Z, v, v) and its masks."""
    generator = torch.Generator().manual_seed(0)
    masks = torch.zeros(DEPTH, SIDE, SIDE)
    masks[:, 20:44, 24:40] = 1
    return (0.2 + 0.6 * masks + 0.03 * torch.randn(masks.shape, generator=generator)).clamp(0, 1), masks


def test_both_votes_find_a_bright_cylinder_in_the_order_asked_for() -> None:
    images, masks = cylinder()
    learned = Likelihood.learned(images[PAINTED], masks[PAINTED])
    wanted = np.array([5, 2])
    votes = votes_on_slices(images, masks[PAINTED], PAINTED, STEP, wanted, learned)
    assert votes.shape == (2, 2, SIDE, SIDE) and votes.abs().max() <= 1
    for vote in votes.unbind(1):
        assert ((vote > 0) == (masks[wanted] > 0)).float().mean() > 0.97
    single = votes_on_slices(images, masks[PAINTED], PAINTED, STEP, wanted[1:], learned)
    torch.testing.assert_close(single[0], votes[1])


def test_nothing_painted_votes_for_nothing() -> None:
    images, masks = cylinder()
    empty = torch.zeros_like(masks[PAINTED])
    learned = Likelihood.learned(images[PAINTED], empty)
    votes = votes_on_slices(images, empty, PAINTED, STEP, np.array([4]), learned)
    assert (votes[:, 0] <= 0).all() and torch.isfinite(votes).all()


def test_hints_agree_on_a_still_cylinder() -> None:
    images, masks = cylinder()
    learned = Likelihood.learned(images[PAINTED], masks[PAINTED])
    wanted = np.array([3, 4])
    guides = guides_on_slices(images, masks[PAINTED], PAINTED, STEP, wanted, learned)
    hints = PaintedStack(images[PAINTED], masks[PAINTED], PAINTED * STEP).hints(wanted * STEP, guides)
    assert hints.shape.shape == hints.vote.shape == (2, 2, SIDE, SIDE)
    for channel in (*hints.shape.unbind(1), *hints.vote.unbind(1)):
        assert ((channel > 0) == (masks[wanted] > 0)).float().mean() > 0.97
