"""Gumbel-top-k: drawing the k most informative patches without replacement (paper, section 3.2, eq. 2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_FLOOR = 1e-6  # keeps log(weight) finite where the weight is zero


@dataclass(frozen=True)
class Selection:
    """Chosen candidates, best first.

    Attributes:
        indices: (N, K) long, candidate numbers, row by row over the grid of candidates.
        weights: (N, K), the candidates' weights before noise.
        valid: (N, K) bool; False marks a place that is filled only because another sample of the batch needs more.
    """

    indices: Tensor
    weights: Tensor
    valid: Tensor

    @property
    def count(self) -> int:
        return self.indices.shape[1]


def gumbel_top_k(
    weights: Tensor,
    k: int,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
    minimum: float = 0.0,
) -> Selection:
    """The k largest ``log w_j + temperature * g_j``, with ``g_j`` independent Gumbel(0, 1) noise (eq. 2).

    With ``temperature = 1`` this draws k candidates without replacement with probabilities proportional to the
    weights; with 0 it is plain top-k.

    Args:
        weights: (N, G), at least 0.
        k: number of patches, clipped to G.
        temperature: scale of the noise; 0 for none.
        generator: source of the noise, so that a seed reproduces the draw.
        minimum: candidates below this weight are never valid (adaptive budget); at least 0.

    Returns:
        Selection of at most k patches; fewer when no sample has k candidates above ``minimum``, and possibly none.
    """
    k = min(k, weights.shape[1])
    eligible = weights >= minimum
    if minimum > 0:
        k = min(k, int(eligible.sum(1).max()))
    scores = torch.log(weights.clamp_min(_FLOOR))
    if temperature > 0:
        uniform = torch.rand(weights.shape, generator=generator, device=weights.device, dtype=weights.dtype)
        scores = scores - temperature * torch.log(-torch.log(uniform.clamp(1e-7, 1 - 1e-7)))
    scores = scores.masked_fill(~eligible, -torch.inf)
    indices = torch.sort(scores, dim=1, descending=True, stable=True).indices[:, :k]
    return Selection(indices, weights.gather(1, indices), eligible.gather(1, indices))
