"""Shape prior: signed distances of the painted masks, squashed, carried along with the picture and interpolated.

Interpolating ``tanh(distance / half the equivalent radius)`` instead of the distance itself keeps a small end slice
from being overruled by a large neighbour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from PatchICLLib.propagation.motion import warp

_GAIN, _LIMIT = 6.0, 4.0
DECAY = 0.5  # mm of shrinkage per mm beyond the outermost painted slice


def signed_distance(mask: np.ndarray) -> np.ndarray:
    """Distance to the mask's boundary in pixels, (H, W) float32, positive inside; -inf everywhere if it is empty."""
    if not mask.any():
        return np.full(mask.shape, -np.inf, np.float32)
    if mask.all():
        return np.full(mask.shape, np.inf, np.float32)
    inside = ndimage.distance_transform_edt(mask)
    return np.where(mask, inside - 0.5, 0.5 - ndimage.distance_transform_edt(~mask)).astype(np.float32)


@dataclass(frozen=True)
class ShapePrior:
    """Shapes of painted slices, measured once for all target slices.

    Attributes:
        distances: (k, S, S) signed distances to the masks' boundaries in units of the field of view.
        radius: half the radius of the disc as large as the mean mask, in the same units.
        squashed: (k, S, S) tanh of distances over radius.
    """

    distances: np.ndarray
    radius: float
    squashed: np.ndarray

    @classmethod
    def of(cls, masks: Tensor) -> ShapePrior:
        """Of (k, S, S) painted masks, 0 to 1, seen through the region of interest."""
        hard = masks.numpy() >= 0.5
        distances = np.stack([signed_distance(m) for m in hard]) / masks.shape[-1]
        filled = [float(m.mean()) for m in hard if m.any()]
        radius = 0.5 * np.sqrt(np.mean(filled) / np.pi) + 1e-3 if filled else 1.0
        return cls(distances, float(radius), np.tanh(distances / radius))

    def at(self, positions: np.ndarray, targets: np.ndarray, motion: Tensor) -> Tensor:
        """Logits of the shape expected on each target slice.

        Args:
            positions: (k,) ascending places of the painted slices, in units of the field of view.
            targets: (T,) places of the target slices.
            motion: (T, 2, 2, v, v) from ``motion_to_painted``, all 0 for shapes that stay where they are.

        Returns:
            (T, S, S) float32, -4 to 4.
        """
        fields = []
        for target, moved in zip(targets, motion, strict=True):
            after = int(np.searchsorted(positions, target))
            if 0 < after < len(positions):
                first, last = positions[after - 1], positions[after]
                t = float((target - first) / (last - first))
                before, behind = (_carried(self.squashed[after - 1 + side], moved[side]) for side in (0, 1))
                fields.append((1 - t) * before + t * behind)
            else:
                end, side = (0, 1) if after == 0 else (len(positions) - 1, 0)
                distance = _carried(self.distances[end], moved[side])
                fields.append(torch.tanh((distance - DECAY * float(abs(target - positions[end]))) / self.radius))
        return (_GAIN * torch.stack(fields)).clamp(-_LIMIT, _LIMIT)


def _carried(field: np.ndarray, motion: Tensor) -> Tensor:
    """(S, S) float32 looked up along the motion (2, v, v); infinite fields stay as they are."""
    values = torch.from_numpy(field.astype(np.float32))
    return values if not np.isfinite(field).all() else warp(values[None, None], motion[None])[0, 0]
