"""One backbone for all levels: resolution by sinusoidal encoding (paper, section 3.3)."""

import math

import torch
from torch import Tensor, nn

from PatchICLLib.runtime.device_constants import made_once
from PatchICLLib.runtime.transfers import to_device


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

    def forward(self, resolutions: tuple[int, ...]) -> Tensor:
        """Codes (n, features) of n levels whose images have so many pixels a side."""
        phase = _octaves(self.frequencies.device, resolutions) * self.frequencies
        return torch.cat([phase.sin(), phase.cos()], 1)


@made_once
def _octaves(device: torch.device, resolutions: tuple[int, ...]) -> Tensor:
    """(n, 1)."""
    return to_device(torch.tensor([[math.log2(resolution)] for resolution in resolutions]), device)


class ResolutionModulation(nn.Module):
    """Scale and shift of feature channels by the resolution's code; starts as the identity."""

    def __init__(self, code: int, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(code, 2 * channels)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def of(self, code: Tensor) -> Tensor:
        """Scale and shift of codes (N, code): (N, 2, C, 1, 1)."""
        coefficients: Tensor = self.linear(code)
        return coefficients.view(len(code), 2, -1, 1, 1)

    def forward(self, features: Tensor, code: Tensor) -> Tensor:
        """(N, C, H, W) and codes (N, code), or (1, code) for all alike -> (N, C, H, W)."""
        return modulated(features, self.of(code))


def modulated(features: Tensor, scale_shift: Tensor) -> Tensor:
    """(N, C, H, W) by (N, 2, C, 1, 1), or by (1, 2, C, 1, 1) all alike."""
    return torch.addcmul(features + scale_shift[:, 1], features, scale_shift[:, 0])
