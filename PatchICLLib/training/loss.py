"""Supervision at every level: cross-entropy plus soft Dice of the combined prediction (paper, section 3.6)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from PatchICLLib.cascade.hint_channels import pool
from PatchICLLib.cascade.trace import CascadeOutput


def soft_dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """``1 - (2 sum(p y) + e) / (sum p + sum y + e)``, mean over samples; e is 0.2 % of the pixels.

    Args:
        logits: (N, 1, S, S).
        target: (N, 1, S, S), 0 to 1.
    """
    p = logits.sigmoid()
    smooth = 0.002 * logits.shape[-1] * logits.shape[-2]
    overlap, total = (p * target).sum((1, 2, 3)), (p + target).sum((1, 2, 3))
    return (1 - (2 * overlap + smooth) / (total + smooth)).mean()


def level_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Eq. 5: binary cross-entropy plus soft Dice, both (N, 1, S, S)."""
    return F.binary_cross_entropy_with_logits(logits, target) + soft_dice_loss(logits, target)


def cascade_loss(output: CascadeOutput, target: Tensor) -> Tensor:
    """Eq. 6: sum of the levels' losses with equal weights, each against the mask at the level's resolution.

    Args:
        output: of the cascade.
        target: (N, 1, H, W), 0 to 1.
    """
    losses = [level_loss(level.after, pool(target, level.resolution)) for level in output.levels]
    return torch.stack(losses).sum()
