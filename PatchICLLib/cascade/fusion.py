"""Each level corrects the level before it, inside its coverage mask only (paper, section 3.5, eq. 4)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def upsample(logits: Tensor, size: int) -> Tensor:
    """Bilinear resizing of (N, C, S, S) to (N, C, size, size)."""
    if logits.shape[-1] == size:
        return logits
    return F.interpolate(logits, size=(size, size), mode="bilinear", align_corners=False)


def fuse(previous: Tensor, residual: Tensor, coverage: Tensor) -> Tensor:
    """Eq. 4: ``previous + coverage * residual``, all (N, 1, S, S) at the current level's resolution."""
    return previous + coverage * residual
