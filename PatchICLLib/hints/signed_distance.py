"""Signed distance to the boundary of a mask."""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from PatchICLLib.cascade.euclidean_distance import boundary_distance


def signed_distances(masks: Tensor, pixel: tuple[float, float] = (1.0, 1.0)) -> Tensor:
    """Distance to each mask's boundary, (N, H, W) float32, positive inside; -inf everywhere if empty, inf if full.

    Args:
        masks: (N, H, W) bool, on any device.
        pixel: distance of rows and of columns; the boundary runs half the smaller from the centres next to it.
    """
    distance = boundary_distance(masks, pixel) - min(pixel) / 2
    return torch.where(masks, distance, -distance)


def signed_distance(mask: np.ndarray, pixel: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    """The same of one mask (H, W) in the host's memory: quicker for large planes."""
    if not mask.any():
        return np.full(mask.shape, -np.inf, np.float32)
    if mask.all():
        return np.full(mask.shape, np.inf, np.float32)
    half = min(pixel) / 2
    inside, outside = (ndimage.distance_transform_edt(side, sampling=pixel) for side in (mask, ~mask))
    return np.where(mask, inside - half, half - outside).astype(np.float32)
