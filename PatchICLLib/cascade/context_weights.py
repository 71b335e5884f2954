"""Which patches of a context image are worth looking at: those close to the mask's boundary (paper, section 3.2)."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.cascade.entropy import patch_means


def boundary_distance(mask: np.ndarray) -> np.ndarray:
    """Distance of every pixel's centre to the nearest pixel on the other side of the mask's boundary.

    Args:
        mask: (H, W) bool.

    Returns:
        (H, W) float32 in pixels, at least 1; infinite everywhere if the mask is empty or full.
    """
    if not mask.any() or mask.all():
        return np.full(mask.shape, np.inf, np.float32)
    inside = ndimage.distance_transform_edt(mask)
    outside = ndimage.distance_transform_edt(~mask)
    return np.where(mask, inside, outside).astype(np.float32)


def context_patch_weights(masks: Tensor, patch_size: int, stride: int) -> Tensor:
    """Weight of each candidate patch of a context image, larger the closer it lies to the mask's boundary.

    The weight is ``exp(-mean distance / patch_size)``; a mask without boundary gives equal weights.

    Args:
        masks: (N, 1, S, S), 0 to 1 (soft after down-sampling; the boundary is at 0.5).
        patch_size: side of a patch in pixels.
        stride: distance of neighbouring candidates in pixels.

    Returns:
        (N, G*G) in (0, 1].
    """
    hard = masks[:, 0].detach().cpu().numpy()
    # a thin structure may stay under 0.5 everywhere at a coarse level: then half its maximum marks it
    levels = np.minimum(0.5, 0.5 * hard.max(axis=(1, 2)) + 1e-6)
    distances = np.stack([boundary_distance(m >= t) for m, t in zip(hard, levels, strict=True)])
    mean = patch_means(array_tensor(distances)[:, None].to(masks.device), patch_size, stride)
    weights = torch.exp(-mean / patch_size)
    return torch.where(torch.isinf(mean), torch.ones_like(weights), weights.clamp_min(1e-6))
