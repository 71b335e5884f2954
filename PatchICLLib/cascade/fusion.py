"""Each level corrects the level before it, inside its coverage mask only (paper, section 3.5, eq. 4)."""

import torch
from torch import Tensor


def fuse(previous: Tensor, residual: Tensor, coverage: Tensor) -> Tensor:
    """Eq. 4: ``previous + coverage * residual``, all (N, 1, S, S) at the current level's resolution."""
    return torch.addcmul(previous, coverage, residual)
