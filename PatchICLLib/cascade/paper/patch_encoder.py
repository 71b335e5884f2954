"""Reads one patch of 8 x 8 features as one token, keeping skip connections (paper, section 3.3)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from PatchICLLib.cascade.resolution import ResolutionModulation

_GROUPS = 8


class ConditionedConvolution(nn.Module):
    """3 x 3 convolution, group norm with scale and shift by the level's resolution, GELU."""

    def __init__(self, in_channels: int, out_channels: int, code: int, stride: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1)
        self.norm = nn.GroupNorm(_GROUPS, out_channels, affine=False)
        self.modulation = ResolutionModulation(code, out_channels)

    def forward(self, features: Tensor, code: Tensor) -> Tensor:
        """(N, in, h, w) and (1, code) -> (N, out, h / stride, w / stride)."""
        return F.gelu(self.modulation(self.norm(self.convolution(features)), code))


class PaperPatchEncoder(nn.Module):
    """Projection, convolutions 8 -> 8 -> 4 -> 2, mean: a patch of features becomes one token."""

    def __init__(self, in_channels: int, features: int, code: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(in_channels, features, 1)
        self.levels = nn.ModuleList(
            ConditionedConvolution(features, features, code, stride=stride) for stride in (1, 2, 2)
        )

    def forward(self, crops: Tensor, code: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Read patches.

        Args:
            crops: (N, in_channels, 8, 8).
            code: (1, code) of the level's resolution.

        Returns:
            Tokens (N, features), and for the decoder the maps (N, features, s, s) at s = 8, 4 and 2.
        """
        maps = []
        features = self.projection(crops)
        for level in self.levels:
            features = level(features, code)
            maps.append(features)
        return features.mean(dim=(2, 3)), maps


class MaskEmbedding(nn.Module):
    """Adds a context patch's mask to its token: a small CNN over the 8 x 8 mask, then one layer over both."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.reader = nn.Sequential(
            nn.Conv2d(1, 16, 2, stride=2),
            nn.GELU(),
            nn.Conv2d(16, 32, 2, stride=2),
            nn.GELU(),
            nn.Conv2d(32, features, 1),
        )
        self.fusion = nn.Linear(2 * features, features)

    def forward(self, tokens: Tensor, masks: Tensor) -> Tensor:
        """(N, features) and masks (N, 1, 8, 8), 0-1 -> (N, features)."""
        return self.fusion(torch.cat((tokens, self.reader(masks).mean(dim=(2, 3))), dim=1))
