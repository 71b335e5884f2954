"""From arrays to tensors: the one place where it is done."""

import numpy as np
import torch
from numpy.typing import DTypeLike
from torch import Tensor


def array_tensor(array: np.ndarray, dtype: DTypeLike = np.float32) -> Tensor:
    """A copy of an array as a tensor.

    Arrays may have strides that torch refuses, even where numpy calls them contiguous: a mirrored view of one slice
    keeps a negative stride on an axis of length 1. Nor does torch take every byte order and type. Fresh memory has none
    of that.

    Args:
        array: real numbers in any shape, type, byte order and order of memory; it is not changed.
        dtype: of the tensor, one that torch knows.
    """
    fresh = np.empty(array.shape, dtype)
    np.copyto(fresh, array, casting="unsafe")
    return torch.from_numpy(fresh)


def shared_zeros(shape: tuple[int, ...], dtype: DTypeLike) -> tuple[np.ndarray, Tensor]:
    """An array of zeros and a tensor that are the same memory; pages that are never written take none.

    Args:
        shape: of both.
        dtype: one that torch knows.
    """
    array = np.zeros(shape, dtype)
    return array, torch.from_numpy(array)
