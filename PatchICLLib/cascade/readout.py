"""Explicit mask read-out: every target token copies the context's mask from where the context looks alike.

The weight of a context token is ``softmax(temperature * cosine(features) - sum_a s_a (p_a - p'_a)^2)`` over row, column
and slice position, with learned temperature and scales. Written as one dot product of extended queries and keys, so
that a fused attention kernel computes it.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from PatchICLLib.runtime.device import full_precision

_NEVER = -1e4  # exp of it is 0, as of minus infinity, whose gradient would be nan
_SCORES, _FEWEST = 2**19, 16  # of queries with keys at once, which caches hold; queries at once at least


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
        self.other_subject = nn.Parameter(torch.zeros(()))  # how much rather a context of another subject is read
        self.log_scales = nn.Parameter(torch.tensor([math.log(60.0), math.log(20.0)]))  # in plane, across slices

    def keys(
        self, features: Tensor, positions: Tensor, given: Tensor | None = None, others: Tensor | None = None
    ) -> Tensor:
        """Extended keys of a context's tokens.

        Args:
            features: (N, C, f).
            positions: (N, C, 3).
            given: (N, C) bool; tokens that are not given are never read. None if all are.
            others: (N, C) 1 for tokens of another subject, else 0; None if there are none.

        Returns:
            (N, C, keys + 4).
        """
        bias = -(self._scales() * positions.square()).sum(-1, keepdim=True)
        if others is not None:
            bias = bias + others[..., None] * self.other_subject
        if given is not None:
            bias = bias.masked_fill(~given[..., None], _NEVER)
        return torch.cat([F.normalize(self.project(features), dim=-1), positions, bias], -1)

    @staticmethod
    def padded(keys: Tensor, count: int) -> Tensor:
        """Keys (N, C, keys + 4) with some more behind them that are never read, ``count`` in all."""
        missing = keys.new_zeros(len(keys), count - keys.shape[1], keys.shape[2] - 1)
        return torch.cat([keys, F.pad(missing, (0, 1), value=_NEVER)], 1)

    def read(self, features: Tensor, positions: Tensor, keys: Tensor, blocks: Tensor) -> Tensor:
        """Copy mask blocks.

        Args:
            features: (N, T, f) of the target's tokens.
            positions: (N, T, 3).
            keys: (B, C, keys + 4) from ``keys``, for N / B targets each, set by set.
            blocks: (B, C, b) mask pixels of the context's tokens, -1 outside to 1 inside.

        Returns:
            (N, T, b), -1 to 1.
        """
        queries = self._queries(features, positions)
        n, t, length = queries.shape
        # near and far differ by more than half precision can tell
        with full_precision(queries.device):
            return _read(queries.reshape(len(keys), -1, length), keys, blocks).reshape(n, t, -1)

    def weights(self, features: Tensor, positions: Tensor, keys: Tensor) -> Tensor:
        """What ``read`` weighs the context's tokens with: (..., T, C), rows add up to 1. Same arguments."""
        queries = self._queries(features, positions)
        with full_precision(keys.device):
            return (queries @ keys.transpose(-1, -2)).softmax(-1)

    def _scales(self) -> Tensor:
        """(3,): row, column, slice."""
        scales = self.log_scales.exp()
        return torch.cat([scales[:1], scales])

    def _queries(self, features: Tensor, positions: Tensor) -> Tensor:
        content = F.normalize(self.project(features), dim=-1) * self.log_temperature.exp()
        scales = self._scales()
        return F.pad(torch.cat([content, positions * (scales + scales)], -1), (0, 1), value=1.0)


def _read(queries: Tensor, keys: Tensor, blocks: Tensor) -> Tensor:
    """Attention of (B, T, q) to (B, C, q) and (B, C, b): (B, T, b)."""
    # the CPU's fused kernel takes no blocks shorter than the keys, and the plain one copies
    if queries.device.type == "cpu":
        some = max(_FEWEST, _SCORES // (len(keys) * keys.shape[1]))
        turned = keys.transpose(1, 2)
        return torch.cat([torch.bmm(torch.bmm(part, turned).softmax(-1), blocks) for part in queries.split(some, 1)], 1)
    return F.scaled_dot_product_attention(queries[:, None], keys[:, None], blocks[:, None], scale=1.0)[:, 0]
