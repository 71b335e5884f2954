"""Where a token stands: rotary position embedding over row, column and slice distance (paper, section 3.4)."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from PatchICLLib.cascade.patches import PatchGrid
from PatchICLLib.runtime.device_constants import made_once


def token_positions(indices: Tensor, grid: PatchGrid, per_side: int, places: Tensor) -> Tensor:
    """Centres of the tokens of the chosen patches.

    Args:
        indices: (N, K) candidate numbers.
        grid: the candidates.
        per_side: tokens a side of a patch, t.
        places: (N, 3) what is added for each image: to rows and columns, and its place along the third axis, in units
            of the field of view.

    Returns:
        (N, K*t*t, 3): row and column (0 to 1 over the field of view, and what is added), slice position.
    """
    in_plane = _centres(indices.device, grid, per_side, places.dtype)[indices].reshape(len(indices), -1, 2)
    return F.pad(in_plane, (0, 1)) + places[:, None]


def in_space(positions: Tensor | None, like: Tensor, images: int) -> Tensor:
    """Places of images, (images, 3), of positions (..., 3), or along the third axis alone (...), or None for 0."""
    if positions is None:
        return like.new_zeros(images, 3)
    places = positions.to(like)
    along = places.numel() == images
    return F.pad(places.reshape(images, 1), (2, 0)) if along else places.reshape(images, 3)


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
        cosine, sine: (3, N, 1, T, 2, head / 2) for queries, keys and values, and the two halves of a head.
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
        # queries and keys turn, the first half of a head against the second; values do not
        signs = torch.tensor([[-1.0, 1.0], [-1.0, 1.0], [0.0, 0.0]])
        self.turns: Tensor
        self.register_buffer("turns", (signs[:, :, None] * frequencies[:, None, None]).flatten(1), persistent=False)

    def forward(self, positions: Tensor) -> Rotation:
        """(N, T, 3) -> the tokens' rotation."""
        # no matrix product: half precision would ruin it
        angles = (positions[..., None] * self.turns).sum(-2).view(*positions.shape[:2], 3, 1, 2, -1)
        angles = angles.permute(2, 0, 3, 1, 4, 5)
        return Rotation(angles.cos(), angles.sin())


def rotate(queries_keys_values: Tensor, rotation: Rotation) -> Tensor:
    """Turn queries and keys of (3, N, heads, T, 2, head / 2), halves of heads apart; the values stay as they are."""
    x = queries_keys_values
    turned = torch.addcmul(x * rotation.cosine, x.flip(-2), rotation.sine)
    return turned if turned.dtype == x.dtype else turned.to(x.dtype)
