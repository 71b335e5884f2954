"""Where a token stands: rotary position embedding over row, column and slice distance (paper, section 3.4)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from PatchICLLib.cascade.patches import PatchGrid


def token_positions(indices: Tensor, grid: PatchGrid, per_side: int, slice_positions: Tensor) -> Tensor:
    """Centres of the tokens of the chosen patches.

    Args:
        indices: (N, K) candidate numbers.
        grid: the candidates.
        per_side: tokens a side of a patch, t.
        slice_positions: (N,) place of each image along the third axis, in units of the field of view.

    Returns:
        (N, K*t*t, 3): row, column (0 to 1 over the field of view) and slice position of each token.
    """
    n, k = indices.shape
    step = grid.patch / per_side
    offsets = (torch.arange(per_side, device=indices.device, dtype=slice_positions.dtype) + 0.5) * step
    corners = grid.corners(indices).to(slice_positions.dtype)
    shape = (n, k, per_side, per_side)
    rows = ((corners[..., 0, None] + offsets) / grid.size)[:, :, :, None].expand(shape)
    columns = ((corners[..., 1, None] + offsets) / grid.size)[:, :, None, :].expand(shape)
    slices = slice_positions[:, None, None, None].expand(shape)
    return torch.stack([rows, columns, slices], -1).reshape(n, -1, 3)


class RotaryEmbedding(nn.Module):
    """Rotation of query and key pairs by angles that grow with position, so that scores depend on differences only.

    A quarter of the pairs turns with the slice position, the rest is shared by row and column.

    Args:
        head: features of a head, even.
        longest: longest wave in fields of view.
        shortest: shortest wave in fields of view.
    """

    def __init__(self, head: int, longest: float = 2.0, shortest: float = 0.08) -> None:
        super().__init__()
        pairs = head // 2
        slices = max(1, pairs // 4)
        rows = (pairs - slices) // 2
        frequencies = torch.zeros(3, pairs)
        first = 0
        for axis, count in enumerate((rows, pairs - slices - rows, slices)):
            waves = torch.logspace(math.log10(longest), math.log10(shortest), count)
            frequencies[axis, first : first + count] = 2 * math.pi / waves
            first += count
        self.frequencies: Tensor
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """(N, T, 3) -> cosine and sine, each (N, 1, T, head / 2)."""
        angles = (positions @ self.frequencies)[:, None]
        return angles.cos(), angles.sin()


def rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Rotate (N, heads, T, head) by the cosine and sine of ``RotaryEmbedding``."""
    cosine, sine = rotation
    a, b = x.chunk(2, -1)
    return torch.cat([a * cosine - b * sine, a * sine + b * cosine], -1)
