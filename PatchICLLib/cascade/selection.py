"""Gumbel-top-k: drawing the k most informative patches without replacement (paper, section 3.2, eq. 2)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from PatchICLLib.runtime.device import values_are_at_hand

_FLOOR = 1e-6  # keeps log(weight) finite where the weight is zero


@dataclass(frozen=True)
class Selection:
    """Chosen candidates, best first.

    Attributes:
        indices: (N, K) long, candidate numbers, row by row over the grid of candidates.
        weights: (N, K), the candidates' weights before noise.
        valid: (N, K) bool; False marks a place that is filled only because another sample of the batch needs more, or
            may need more.
        whole: known without a look at ``valid`` that it is True everywhere.
    """

    indices: Tensor
    weights: Tensor
    valid: Tensor
    whole: bool

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
        Selection of k patches. Where values are at hand (see ``values_are_at_hand``), fewer when no sample has k
        candidates above ``minimum``, and possibly none; on other devices, which would have to wait for that, always k.
    """
    k, whole = min(k, weights.shape[1]), minimum <= 0
    scores = torch.log(weights.clamp_min(_FLOOR))
    if temperature > 0:
        uniform = torch.rand(weights.shape, generator=generator, device=weights.device, dtype=weights.dtype)
        scores = scores - temperature * torch.log(-torch.log(uniform.clamp(1e-7, 1 - 1e-7)))
    if not whole:
        eligible = weights >= minimum
        scores = scores.masked_fill(~eligible, -torch.inf)
        if values_are_at_hand(weights.device):
            fewest, most = torch.aminmax(eligible.sum(1))
            k = min(k, int(most))
            whole = int(fewest) >= k
    indices = torch.sort(scores, dim=1, descending=True, stable=True).indices[:, :k]
    valid = torch.ones_like(indices, dtype=torch.bool) if whole else eligible.gather(1, indices)
    return Selection(indices, weights.gather(1, indices), valid, whole)
