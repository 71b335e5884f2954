"""CNN that rebuilds a patch's prediction from its attended tokens, with skips from the encoder (paper, section 3.4)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from PatchICLLib.cascade.resizing import resized


class PatchDecoder(nn.Module):
    """Tokens at quarter resolution up to logits at full resolution.

    Args:
        features: length of a token.
        channels: features of the encoder at one, half and quarter resolution.
        extra: channels that join at full resolution (hints and read-outs).
    """

    def __init__(self, features: int, channels: tuple[int, int, int], extra: int) -> None:
        super().__init__()
        self.at_quarter = nn.Conv2d(features + channels[2], channels[2], 3, 1, 1)
        self.at_half = nn.Conv2d(channels[2] + channels[1], channels[1], 3, 1, 1)
        self.at_full = nn.Conv2d(channels[1] + channels[0] + extra, channels[0], 3, 1, 1)
        self.logits = nn.Conv2d(channels[0], 1, 3, 1, 1)
        nn.init.zeros_(self.logits.weight)
        nn.init.zeros_(self.logits.bias)  # type: ignore[arg-type]

    def forward(self, tokens: Tensor, skips: tuple[Tensor, Tensor, Tensor], extra: Tensor) -> Tensor:
        """Decode.

        Args:
            tokens: (M, d, P/4, P/4).
            skips: (M, c0, P, P), (M, c1, P/2, P/2), (M, c2, P/4, P/4).
            extra: (M, e, P, P).

        Returns:
            Residual logits (M, 1, P, P), 0 before training.
        """
        x = F.gelu(self.at_quarter(torch.cat([tokens, skips[2]], 1)))
        x = resized(x, 2 * x.shape[-1])
        x = F.gelu(self.at_half(torch.cat([x, skips[1]], 1)))
        x = resized(x, 2 * x.shape[-1])
        return self.logits(F.gelu(self.at_full(torch.cat([x, skips[0], extra], 1))))
