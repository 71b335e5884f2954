"""From patches back to an image: the average where patches overlap (paper, section 3.5, eq. 3)."""

from __future__ import annotations

import torch
from torch import Tensor

from PatchICLLib.cascade.patches import PatchGrid


def aggregate(patches: Tensor, indices: Tensor, grid: PatchGrid, valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Average of the patch predictions over the patches that cover a pixel (eq. 3), and the coverage mask.

    Args:
        patches: (N*K, 1, P, P), sample by sample.
        indices: (N, K) candidate numbers.
        grid: the candidates.
        valid: (N, K) bool, patches to use; all if None.

    Returns:
        The averaged prediction (N, 1, S, S), 0 where no patch lies, and the coverage (N, 1, S, S), 1 or 0.
    """
    n, k = indices.shape
    values = patches.reshape(n, k, -1)
    used = torch.ones_like(values) if valid is None else valid.to(values.dtype)[:, :, None].expand_as(values)
    pixels = grid.pixels(indices).reshape(n, 1, -1).expand(n, 2, -1)
    both = torch.stack([values * used, used], 1).reshape(n, 2, -1)
    total, count = patches.new_zeros(n, 2, grid.size**2).scatter_add(2, pixels, both).unbind(1)
    shape = (n, 1, grid.size, grid.size)
    return (total / count.clamp_min(1)).view(shape), count.clamp_max(1).view(shape)
