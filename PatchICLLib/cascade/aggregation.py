"""From patches back to an image: the average where patches overlap (paper, section 3.5, eq. 3)."""

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
    shape = (n, 1, grid.size, grid.size)
    values, nothing = patches.reshape(n, k, -1), patches.new_zeros(n, grid.size**2)
    used = torch.ones_like(values) if valid is None else valid[:, :, None].to(values.dtype).expand_as(values)
    pixels = grid.pixels(indices).view(n, -1)
    total = nothing.scatter_add(1, pixels, (values * used).view(n, -1)).view(shape)
    count = nothing.scatter_add(1, pixels, used.reshape(n, -1)).view(shape)
    if grid.stride == grid.patch:  # nothing overlaps
        return total, count
    return total / count.clamp_min(1), count.clamp_max(1)
