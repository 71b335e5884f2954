"""What is known of slices beyond the outermost painted one, by planes that were painted across them."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

FADES = 2  # times as soon does a structure end beyond the planes that show it as beyond a painted slice


@dataclass(frozen=True)
class SeenAcross:
    """Of N target slices; what is said of those between painted slices does not count.

    Attributes:
        beyond: (N,) as far as they lie, at most, from where the structure is known to be.
        empty: (N, S, S) bool, where a slice on which it is nowhere known to be is known not to hold it.
    """

    beyond: np.ndarray
    empty: Tensor
