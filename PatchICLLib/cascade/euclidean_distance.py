"""Exact Euclidean distances to the boundaries of many masks at once, on the device that they are on.

Separable, as in Saito and Toriwaki, "New algorithms for Euclidean distance transformation", Pattern Recognition 27(11),
1994: the nearest pixel of the other kind within each column, then, over all columns of a row, the nearest of those.
"""

from __future__ import annotations

import torch
from torch import Tensor

_CHUNK = {"cpu": 1 << 20}  # pairs of columns at a time: what a processor's cache holds
_LARGE_CHUNK = 1 << 26  # on cards


def boundary_distance(masks: Tensor, pixel: tuple[float, float] = (1.0, 1.0)) -> Tensor:
    """Distance of every pixel's centre to the nearest pixel on the other side of its mask's boundary.

    Takes time in proportion to rows x columns^2; a mask's result does not depend on the others.

    Args:
        masks: (N, H, W) bool.
        pixel: distance of rows and of columns.

    Returns:
        (N, H, W) float32 in the unit of ``pixel``; infinite everywhere if a mask is empty or full.
    """
    n, height, width = masks.shape
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
