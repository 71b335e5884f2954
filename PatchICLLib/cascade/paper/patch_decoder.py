"""Writes a patch's prediction from its attended token: a U-shaped CNN decoder (paper, sections 3.3 and 3.4)."""

import torch
from torch import Tensor, nn

from PatchICLLib.cascade.paper.patch_encoder import ConditionedConvolution


class PaperPatchDecoder(nn.Module):
    """Doubles 1 -> 2 -> 4 -> 8, each time joining the encoder's map of that size, then a small head.

    Args:
        features: length of a token and channels of the maps.
        code: length of the resolution's code.
        skip_connections: whether the encoder's maps are joined.
    """

    def __init__(self, features: int, code: int, skip_connections: bool = True) -> None:
        super().__init__()
        self.skip_connections = skip_connections
        incoming = 2 * features if skip_connections else features
        self.doublings = nn.ModuleList(nn.ConvTranspose2d(features, features, 2, stride=2) for _ in range(3))
        self.levels = nn.ModuleList(ConditionedConvolution(incoming, features, code) for _ in range(3))
        self.head = nn.Sequential(
            nn.Conv2d(features, features // 2, 3, padding=1), nn.GELU(), nn.Conv2d(features // 2, 1, 1)
        )

    def forward(self, tokens: Tensor, maps: list[Tensor], code: Tensor) -> Tensor:
        """Tokens (N, features) and the encoder's maps at 8, 4, 2 pixels a side -> logits (N, 1, 8, 8)."""
        features = tokens[:, :, None, None]
        for doubling, level, skip in zip(self.doublings, self.levels, reversed(maps), strict=True):
            features = doubling(features)
            if self.skip_connections:
                features = torch.cat((features, skip), dim=1)
            features = level(features, code)
        return self.head(features)
