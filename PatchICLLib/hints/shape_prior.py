"""Shape prior: signed distances of the painted masks, squashed, carried along with the picture and interpolated.

Interpolating ``tanh(distance / half the equivalent radius)`` instead of the distance itself keeps a small end slice
from being overruled by a large neighbour. Structures are round: between a small and a large slice they widen soon, so
the larger one counts for more than in proportion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.hints.motion import warp
from PatchICLLib.hints.signed_distance import signed_distance
from PatchICLLib.hints.size_profile import SizeProfile

_GAIN, _LIMIT = 6.0, 4.0
DECAY = 0.5  # mm of shrinkage per mm beyond the outermost painted slice
_ROUNDNESS = 0.45  # power of the ratio of areas by which the way between two slices is bent
_RATIO = 5.0  # of areas, at most


@dataclass(frozen=True)
class ShapePrior:
    """Shapes of painted slices, measured once for all target slices.

    Attributes:
        distances: (k, S, S) signed distances to the masks' boundaries in units of the field of view.
        radius: half the radius of the disc as large as the mean mask, in the same units.
        squashed: (k, S, S) tanh of distances over radius.
        areas: (k,) pixels inside.
    """

    distances: np.ndarray
    radius: float
    squashed: np.ndarray
    areas: np.ndarray

    @classmethod
    def of(cls, masks: Tensor) -> ShapePrior:
        """Of (k, S, S) painted masks, 0 to 1, seen through the region of interest."""
        hard = masks.numpy() >= 0.5
        distances = np.stack([signed_distance(m) for m in hard]) / masks.shape[-1]
        filled = [float(m.mean()) for m in hard if m.any()]
        radius = 0.5 * np.sqrt(np.mean(filled) / np.pi) + 1e-3 if filled else 1.0
        return cls(distances, float(radius), np.tanh(distances / radius), hard.sum((1, 2)).astype(float))

    def at(self, positions: np.ndarray, targets: np.ndarray, motion: Tensor) -> Tensor:
        """Logits of the shape expected on each target slice.

        Args:
            positions: (k,) ascending places of the painted slices, in units of the field of view.
            targets: (T,) places of the target slices.
            motion: (T, 2, 2, v, v) from ``motion_to_painted``, all 0 for shapes that stay where they are.

        Returns:
            (T, 2, S, S) float32, -4 to 4: the shape as it comes, and grown or shrunk to the size expected.
        """
        profile = SizeProfile(positions, self.areas)
        fields = []
        for target, moved in zip(targets, motion, strict=True):
            field = self._field(positions, float(target), moved)
            fields.append(torch.stack([field, self._sized(field, profile, positions, float(target))]))
        return (_GAIN * torch.stack(fields)).clamp(-_LIMIT, _LIMIT)

    def _field(self, positions: np.ndarray, target: float, motion: Tensor) -> Tensor:
        """(S, S), -1 to 1, positive inside."""
        after = int(np.searchsorted(positions, target))
        if 0 < after < len(positions):
            first, last = positions[after - 1], positions[after]
            t = self._bent(float((target - first) / (last - first)), *self.areas[after - 1 : after + 1])
            before, behind = (_carried(self.squashed[after - 1 + side], motion[side]) for side in (0, 1))
            return (1 - t) * before + t * behind
        end, side = (0, 1) if after == 0 else (len(positions) - 1, 0)
        distance = _carried(self.distances[end], motion[side])
        return torch.tanh((distance - DECAY * abs(target - positions[end])) / self.radius)

    @staticmethod
    def _bent(t: float, area_before: float, area_after: float) -> float:
        """Way from one slice to the next, 0 to 1, such that the larger of the two reaches farther."""
        if not area_before or not area_after:  # where it ends before an empty slice nobody knows
            return t
        ratio = min(max(area_before / area_after, 1 / _RATIO), _RATIO)
        return t**ratio**_ROUNDNESS if ratio <= 1 else 1 - (1 - t) ** (1 / ratio) ** _ROUNDNESS

    @staticmethod
    def _sized(field: Tensor, profile: SizeProfile, positions: np.ndarray, target: float) -> Tensor:
        """The field shifted so that as many pixels are inside as expected."""
        expected = profile.at(target)
        if expected is None:
            return field
        if positions[0] < target < positions[-1]:  # two guesses, equally good
            expected = (expected + float((field > 0).sum())) / 2
        count = round(expected)
        if count == 0:
            return field - field.max().clamp_min(0)
        if count >= field.numel():
            return field - field.min().clamp_max(0)
        # the largest value that stays outside
        return field - field.flatten().kthvalue(field.numel() - count).values


def _carried(field: np.ndarray, motion: Tensor) -> Tensor:
    """(S, S) float32 looked up along the motion (2, v, v); infinite fields stay as they are."""
    values = array_tensor(field)
    return values if not np.isfinite(field).all() else warp(values[None, None], motion[None])[0, 0]
