"""Explicit mask read-out: every target token copies the context's mask from where the context looks alike.

The weight of a context token is ``softmax(temperature * cosine(features) - sum_a s_a (p_a - p'_a)^2)`` over row, column
and slice position, with learned temperature and scales. Written as one dot product of extended queries and keys, so
that a fused attention kernel computes it.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MaskReadout(nn.Module):
    """Soft copy of mask blocks from context tokens to target tokens.

    Args:
        features: length of the tokens' features.
        keys: length of the space in which features are compared.
    """

    def __init__(self, features: int, keys: int) -> None:
        super().__init__()
        self.project = nn.Linear(features, keys)
        self.log_temperature = nn.Parameter(torch.tensor(math.log(6.0)))
        self.log_scales = nn.Parameter(torch.tensor([math.log(60.0), math.log(20.0)]))  # in plane, across slices

    def _scales(self) -> Tensor:
        in_plane, across = self.log_scales.exp()
        return torch.stack([in_plane, in_plane, across])

    def keys(self, features: Tensor, positions: Tensor) -> Tensor:
        """Context features (N, C, f) and positions (N, C, 3) -> extended keys (N, C, keys + 4)."""
        bias = -(self._scales() * positions.square()).sum(-1, keepdim=True)
        return torch.cat([F.normalize(self.project(features), dim=-1), positions, bias], -1)

    def read(self, features: Tensor, positions: Tensor, keys: Tensor, blocks: Tensor) -> Tensor:
        """Copy mask blocks.

        Args:
            features: (N, T, f) of the target's tokens.
            positions: (N, T, 3).
            keys: (N, C, keys + 4) from ``keys``.
            blocks: (N, C, b) mask pixels of the context's tokens, -1 outside to 1 inside.

        Returns:
            (N, T, b), -1 to 1.
        """
        queries = self._queries(features, positions)
        return F.scaled_dot_product_attention(queries[:, None], keys[:, None], blocks[:, None], scale=1.0)[:, 0]

    def weights(self, features: Tensor, positions: Tensor, keys: Tensor) -> Tensor:
        """What ``read`` weighs the context's tokens with: (..., T, C), rows add up to 1. Same arguments."""
        return (self._queries(features, positions) @ keys.transpose(-1, -2)).softmax(-1)

    def _queries(self, features: Tensor, positions: Tensor) -> Tensor:
        content = F.normalize(self.project(features), dim=-1) * self.log_temperature.exp()
        return torch.cat([content, 2 * self._scales() * positions, torch.ones_like(positions[..., :1])], -1)
