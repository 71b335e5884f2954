"""Where a token stands: rotary position embedding over row, column and slice distance (paper, section 3.4)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from PatchICLLib.cascade.patches import PatchGrid
from PatchICLLib.runtime.device_constants import made_once


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
    in_plane = _centres(indices.device, grid, per_side, slice_positions.dtype)[indices].reshape(len(indices), -1, 2)
    slices = slice_positions[:, None, None].expand(-1, in_plane.shape[1], 1)
    return torch.cat([in_plane, slices], -1)


@made_once
def _centres(device: torch.device, grid: PatchGrid, per_side: int, dtype: torch.dtype) -> Tensor:
    """(G*G, t*t, 2): row and column of the tokens of every candidate."""
    offsets = (torch.arange(per_side, device=device, dtype=dtype) + 0.5) * (grid.patch / per_side)
    corners = torch.arange(grid.side, device=device).to(dtype) * grid.stride
    centres = (corners[:, None] + offsets) / grid.size  # (G, t)
    g, t = centres.shape
    rows, columns = centres[:, None, :, None], centres[None, :, None, :]
    return torch.stack([rows.expand(g, g, t, t), columns.expand(g, g, t, t)], -1).reshape(g * g, t * t, 2)


@dataclass(frozen=True)
class Rotation:
    """Factors that turn queries and keys of tokens by their positions, and leave values as they are.

    Attributes:
        cosine: (N, T, 3, 1, 1, head / 2) for queries, keys and values.
        sine: (N, T, 3, 1, 2, head / 2), with its sign, for the first and the second half of a head.
    """

    cosine: Tensor
    sine: Tensor


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

    def forward(self, positions: Tensor) -> Rotation:
        """(N, T, 3) -> the tokens' rotation."""
        angles = (positions[..., None] * self.frequencies).sum(-2)  # no matrix product: half precision would ruin it
        cosine, sine = angles.cos()[:, :, None, None, None], angles.sin()[:, :, None, None, None]
        both = torch.cat([-sine, sine], 4)
        return Rotation(
            torch.cat([cosine, cosine, torch.ones_like(cosine)], 2), torch.cat([both, both, torch.zeros_like(both)], 2)
        )


def rotate(queries_keys_values: Tensor, rotation: Rotation) -> Tensor:
    """Turn queries and keys of (N, T, 3, heads, head); the values stay as they are."""
    halves = queries_keys_values.unflatten(-1, (2, -1))
    turned = torch.addcmul(halves * rotation.cosine, halves.flip(-2), rotation.sine)
    return turned.to(halves.dtype).flatten(-2)
