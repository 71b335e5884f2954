"""Exact Euclidean distances to the boundaries of many masks at once, on the device that they are on.

Separable, as in Saito and Toriwaki, "New algorithms for Euclidean distance transformation", Pattern Recognition 27(11),
1994: the nearest pixel of the other kind within each column, then, over all columns of a row, the nearest of those.
On a processor, wide masks are left to SciPy, whose time grows with the pixels alone.
"""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.runtime.device import values_are_at_hand

_WIDE = 128  # columns beyond which SciPy is quicker on one core
_CHUNK = {"cpu": 1 << 20}  # pairs of columns at a time: what a processor's cache holds
_LARGE_CHUNK = 1 << 26  # on cards


def boundary_distance(masks: Tensor, pixel: tuple[float, float] = (1.0, 1.0)) -> Tensor:
    """Distance of every pixel's centre to the nearest pixel on the other side of its mask's boundary.

    On a card it takes time in proportion to rows x columns^2. A mask's result does not depend on the others.

    Args:
        masks: (N, H, W) bool.
        pixel: distance of rows and of columns.

    Returns:
        (N, H, W) float32 in the unit of ``pixel``; infinite everywhere if a mask is empty or full.
    """
    n, height, width = masks.shape
    if width > _WIDE and values_are_at_hand(masks.device):
        return array_tensor(np.stack([_by_scipy(mask, pixel) for mask in masks.numpy()]))
    squares = (_along_columns(masks) * pixel[0]).square_()
    signed = torch.where(masks, squares, -squares).view(n * height, 1, width)  # a pixel of the other kind counts as 0
    own = torch.where(masks, 1.0, -1.0).view(n * height, width, 1)
    places = torch.arange(width, device=masks.device, dtype=torch.float32) * pixel[1]
    between = (places[:, None] - places).square_()
    rows = max(1, _CHUNK.get(masks.device.type, _LARGE_CHUNK) // max(1, width**2))
    found = [
        (part * side).clamp_(min=0).add_(between).amin(2)
        for part, side in zip(signed.split(rows), own.split(rows), strict=True)
    ]
    return torch.cat(found).view(n, height, width).sqrt_()


def _by_scipy(mask: np.ndarray, pixel: tuple[float, float]) -> np.ndarray:
    """The same of one mask (H, W)."""
    if not mask.any() or mask.all():
        return np.full(mask.shape, np.inf)
    inside, outside = (ndimage.distance_transform_edt(side, pixel) for side in (mask, ~mask))
    distance: np.ndarray = np.where(mask, inside, outside)
    return distance


def _along_columns(masks: Tensor) -> Tensor:
    """Rows between every pixel and the nearest of the other kind in its column, (N, H, W); or infinite."""
    kinds = torch.stack([masks, ~masks])
    distance = torch.where(kinds, torch.inf, 0.0)
    step, height = 1, masks.shape[1]
    while step < height:  # each round doubles how far it is seen
        ahead, behind = distance[:, :, step:] + step, distance[:, :, :-step] + step
        torch.minimum(distance[:, :, :-step], ahead, out=distance[:, :, :-step])
        torch.minimum(distance[:, :, step:], behind, out=distance[:, :, step:])
        step *= 2
    return torch.where(masks, distance[0], distance[1])
