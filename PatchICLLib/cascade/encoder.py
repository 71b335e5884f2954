"""Light CNN that turns an image patch into features, conditioned on resolution (paper, section 3.3).

It sees the image alone, the same way for target and context: masks and hints join at token level, so that features
stay valid when a mask is edited.
"""

from collections.abc import Iterable, Sequence
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from PatchICLLib.cascade.resolution import ResolutionModulation, modulated


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with a skip; the first may halve the resolution."""

    def __init__(self, inputs: int, outputs: int, stride: int, normalise: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1)
        self.norm = nn.GroupNorm(4, outputs) if normalise else nn.Identity()
        same = inputs == outputs and stride == 1
        self.skip = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.norm(self.second(F.gelu(self.first(x))))) + self.skip(x)


class PatchEncoder(nn.Module):
    """Features at one, half and quarter resolution, with the halo trimmed off.

    Args:
        channels: features at the three resolutions.
        halo: pixels of context around a patch, a multiple of 4.
        code: length of the resolution's code.
    """

    def __init__(self, channels: tuple[int, int, int], halo: int, code: int) -> None:
        super().__init__()
        self.halo = halo
        self.stem = nn.Conv2d(1, channels[0], 3, 1, 1)
        # the finest block is not normalised: absolute intensity carries information within one scan
        self.blocks = nn.ModuleList(
            [
                ResidualBlock(channels[0], channels[0], 1, normalise=False),
                ResidualBlock(channels[0], channels[1], 2, normalise=True),
                ResidualBlock(channels[1], channels[2], 2, normalise=True),
            ]
        )
        self.modulations = nn.ModuleList([ResolutionModulation(code, c) for c in channels])

    def conditions(self, code: Tensor) -> tuple[Tensor, ...]:
        """What resolutions of codes (N, code) do to the features: (N, 2, c, 1, 1) for each of the three."""
        return tuple(modulation.of(code) for modulation in cast(Iterable[ResolutionModulation], self.modulations))

    def forward(self, crops: Tensor, conditions: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Read patches.

        Args:
            crops: (M, 1, P + 2 halo, P + 2 halo); channels last in memory is quickest.
            conditions: ``conditions`` of the patches' resolutions, M or, if they are all alike, one.

        Returns:
            (M, c0, P, P), (M, c1, P/2, P/2), (M, c2, P/4, P/4).
        """
        x = F.gelu(self.stem(crops))
        features = []
        for level, (block, condition) in enumerate(zip(self.blocks, conditions, strict=True)):
            x = modulated(block(x), condition)
            h = self.halo >> level
            features.append(x[:, :, h:-h, h:-h] if h else x)
        return features[0], features[1], features[2]
