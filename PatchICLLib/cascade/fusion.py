"""Each level corrects the level before it, inside its coverage mask only (paper, section 3.5, eq. 4)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from PatchICLLib.cascade.resizing import resized


def fuse(previous: Tensor, residual: Tensor, coverage: Tensor) -> Tensor:
    """Eq. 4: ``previous + coverage * residual``, all (N, 1, S, S) at the current level's resolution."""
    return torch.addcmul(previous, coverage, residual)


def completed(starts: Sequence[Tensor], after: Sequence[Tensor]) -> Tensor:
    """Logits at input size, of a cascade that stopped early too; a sample's result does not depend on its batch.

    Args:
        starts: priors at all resolutions, coarse to fine.
        after: logits after the levels that were done, at least one.
    """
    if len(after) == len(starts):
        return after[-1]
    correction = after[-1] - starts[len(after) - 1]
    for start in starts[len(after) :]:
        correction = resized(correction, start.shape[-1])
    return starts[-1] + correction
