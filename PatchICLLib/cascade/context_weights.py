"""Which patches of a context image are worth looking at: those close to the mask's boundary (paper, section 3.2)."""

import torch
from torch import Tensor

from PatchICLLib.cascade.entropy import patch_means
from PatchICLLib.cascade.euclidean_distance import boundary_distance


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
    hard = masks[:, 0].detach()
    # a thin structure may stay under 0.5 everywhere at a coarse level: then half its maximum marks it
    level = (0.5 * hard.amax((1, 2), keepdim=True) + 1e-6).clamp_max(0.5)
    mean = patch_means(boundary_distance(hard >= level)[:, None], patch_size, stride)
    weights = torch.exp(-mean / patch_size).clamp_min(1e-6)
    return weights.masked_fill(mean.isinf(), 1.0)
