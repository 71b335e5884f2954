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
    size, side = grid.size, grid.patch
    used = torch.ones_like(indices, dtype=patches.dtype) if valid is None else valid.to(patches.dtype)
    corners = grid.corners(indices)
    within = torch.arange(side, device=indices.device)
    rows = corners[..., 0, None] + within  # (N, K, P)
    columns = corners[..., 1, None] + within
    pixels = (rows[..., :, None] * size + columns[..., None, :]).reshape(n, -1)
    weight = used[:, :, None].expand(n, k, side * side).reshape(n, -1)
    total = patches.new_zeros(n, size * size).scatter_add(1, pixels, patches.reshape(n, -1) * weight)
    count = patches.new_zeros(n, size * size).scatter_add(1, pixels, weight)
    shape = (n, 1, size, size)
    return (total / count.clamp_min(1)).view(shape), (count > 0).to(patches.dtype).view(shape)
