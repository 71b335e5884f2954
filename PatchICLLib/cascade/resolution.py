"""One backbone for all levels: resolution by sinusoidal encoding (paper, section 3.3)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class ResolutionEncoding(nn.Module):
    """Sinusoidal encoding of ``log2(resolution)``, defined for resolutions never seen in training too.

    Args:
        features: length of the code, even.
        longest: longest wave in octaves.
        shortest: shortest wave in octaves.
    """

    def __init__(self, features: int = 16, longest: float = 16.0, shortest: float = 2.0) -> None:
        super().__init__()
        waves = torch.logspace(math.log2(longest), math.log2(shortest), features // 2, base=2.0)
        self.frequencies: Tensor
        self.register_buffer("frequencies", 2 * math.pi / waves, persistent=False)

    def forward(self, resolution: int) -> Tensor:
        """Code (features,) of a level whose image has ``resolution`` pixels a side."""
        phase = math.log2(resolution) * self.frequencies
        return torch.cat([phase.sin(), phase.cos()])


class ResolutionModulation(nn.Module):
    """Scale and shift of feature channels by the resolution's code; starts as the identity."""

    def __init__(self, code: int, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(code, 2 * channels)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, features: Tensor, code: Tensor) -> Tensor:
        """(N, C, H, W) and (code,) -> (N, C, H, W)."""
        scale, shift = self.linear(code).chunk(2)
        return torch.addcmul(features + shift[:, None, None], features, scale[:, None, None])
