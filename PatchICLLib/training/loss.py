"""Supervision at every level: cross-entropy plus soft Dice of the combined prediction (paper, section 3.6)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from PatchICLLib.cascade.patches import crop_patches
from PatchICLLib.cascade.resizing import pool
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


def recital_loss(output: CascadeOutput, masks: Tensor) -> Tensor:
    """Sum of the levels' losses of what context tokens tell of their own masks; not in the paper.

    A token must hold its mask in a form that the decoder can write before attention has anything to pass on to targets.

    Args:
        output: of the cascade, asked to recite.
        masks: (B, k, H, W) of the context, 0 to 1.
    """
    losses = []
    for level in output.levels:
        assert level.recited is not None
        truth = crop_patches(pool(masks[:, :1], level.resolution), level.context[:, 0], level.grid)
        sets, _, _, side = level.recited.shape  # patches of an image below each other, as one image
        logits, truth = (x.reshape(sets, 1, -1, side) for x in (level.recited, truth))
        losses.append(level_loss(logits, truth))
    return torch.stack(losses).sum()
