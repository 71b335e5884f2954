"""Smoothing, resizing and differences of square pictures as products with small matrices, once a side.

On every device faster than convolutions and interpolations of many small pictures, and a picture's result hardly
depends on how many there are.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.runtime.transfers import to_device


def both_ways(matrix: Tensor, pictures: Tensor) -> Tensor:
    """A matrix (out, in) applied along the last two axes of (..., in, in): (..., out, out)."""
    return torch.matmul(matrix, torch.matmul(pictures, matrix.t()))


def smoothing(size: int, deviation: float, device: torch.device) -> Tensor:
    """Gaussian smoothing, (size, size); ``deviation`` in pixels, borders replicated."""
    return to_device(array_tensor(_smoothing(size, deviation)), device)


def resizing(before: int, after: int, device: torch.device) -> Tensor:
    """Bilinear interpolation between pixels' centres, (after, before); borders replicated."""
    return to_device(array_tensor(_resizing(before, after)), device)


def averaging(before: int, after: int, device: torch.device) -> Tensor:
    """Mean of all pixels that a larger pixel touches, (after, before)."""
    return to_device(array_tensor(_averaging(before, after)), device)


def differences(size: int, device: torch.device) -> Tensor:
    """Central differences, (size, size); borders replicated."""
    return to_device(array_tensor(_differences(size)), device)


@lru_cache(maxsize=64)
def _smoothing(size: int, deviation: float) -> np.ndarray:
    radius = max(1, round(2.5 * deviation))
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (offsets / deviation) ** 2)
    matrix = np.zeros((size, size))
    rows = np.arange(size)
    for offset, weight in zip(offsets, weights / weights.sum(), strict=True):
        np.add.at(matrix, (rows, np.clip(rows + offset, 0, size - 1)), weight)
    return matrix


@lru_cache(maxsize=64)
def _resizing(before: int, after: int) -> np.ndarray:
    places = np.clip((np.arange(after) + 0.5) * before / after - 0.5, 0, before - 1)
    first = np.minimum(places.astype(int), max(0, before - 2))
    matrix = np.zeros((after, before))
    rows = np.arange(after)
    np.add.at(matrix, (rows, first), 1 - (places - first))
    np.add.at(matrix, (rows, np.minimum(first + 1, before - 1)), places - first)
    return matrix


@lru_cache(maxsize=64)
def _averaging(before: int, after: int) -> np.ndarray:
    rows, columns = np.arange(after)[:, None], np.arange(before)
    touched = (columns >= rows * before // after) & (columns < -(-(rows + 1) * before // after))
    return touched / touched.sum(1, keepdims=True)


@lru_cache(maxsize=64)
def _differences(size: int) -> np.ndarray:
    pixels, places = np.eye(size), np.arange(size)
    following, preceding = pixels[np.minimum(places + 1, size - 1)], pixels[np.maximum(places - 1, 0)]
    difference: np.ndarray = (following - preceding) / 2
    return difference
