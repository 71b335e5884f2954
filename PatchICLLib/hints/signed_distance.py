"""Signed distance to the boundary of a mask."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def signed_distance(mask: np.ndarray, pixel: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    """Distance to the mask's boundary, (H, W) float32, positive inside; -inf everywhere if it is empty, inf if full.

    Args:
        mask: (H, W) bool.
        pixel: distance of rows and of columns; the boundary runs half the smaller from the centres next to it.
    """
    if not mask.any():
        return np.full(mask.shape, -np.inf, np.float32)
    if mask.all():
        return np.full(mask.shape, np.inf, np.float32)
    half = min(pixel) / 2
    inside, outside = (ndimage.distance_transform_edt(side, sampling=pixel) for side in (mask, ~mask))
    return np.where(mask, inside - half, half - outside).astype(np.float32)
