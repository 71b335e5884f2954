"""Shape prior: signed distances of the painted masks, squashed, carried along with the picture and interpolated.

Interpolating ``tanh(distance / half the equivalent radius)`` instead of the distance itself keeps a small end slice
from being overruled by a large neighbour. Structures are round: between a small and a large slice they widen soon, so
the larger one counts for more than in proportion.

Beyond the outermost painted slice a shape shrinks with the distance. Where planes across show that the structure goes
on, it does not, or all that lies far from a single painted slice would be taken for outside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.hints.between_painted import BetweenPainted
from PatchICLLib.hints.seen_across import SeenAcross
from PatchICLLib.hints.signed_distance import signed_distances
from PatchICLLib.hints.size_profile import SizeProfiles
from PatchICLLib.runtime.transfers import to_device

_GAIN, _LIMIT = 6.0, 4.0
DECAY = 0.5  # mm of shrinkage per mm beyond where the structure is known to be
_ROUNDNESS = 0.45  # power of the ratio of areas by which the way between two slices is bent
_RATIO = 5.0  # of areas, at most
_FARTHEST = 1e4  # fields of view from a boundary that a painted slice does not have


@dataclass(frozen=True)
class ShapePriors:
    """Shapes of the painted slices of G tasks, measured once for all target slices.

    Attributes:
        distances: (G, k, S, S) signed distances to the masks' boundaries in units of the field of view.
        radius: (G,) half the radius of the disc as large as the mean mask, in the same units.
        squashed: (G, k, S, S) tanh of distances over radius.
        profiles: pixels inside, slice by slice.
    """

    distances: Tensor
    radius: Tensor
    squashed: Tensor
    profiles: SizeProfiles

    @classmethod
    def of(cls, masks: Tensor, positions: np.ndarray, counts: np.ndarray) -> ShapePriors:
        """Of masks (G, k, S, S), 0 to 1, seen through regions; positions and counts as in ``SizeProfiles``."""
        size, hard = masks.shape[-1], masks >= 0.5
        distances = signed_distances(hard.flatten(0, 1)).clamp_(-_FARTHEST * size, _FARTHEST * size) / size
        there = np.arange(masks.shape[1]) < np.asarray(counts)[:, None]
        areas = hard.sum((2, 3)) * to_device(array_tensor(there), masks.device)
        filled = (areas > 0).sum(1)
        mean = areas.sum(1) / (filled.clamp_min(1) * size**2)
        radius = torch.where(filled > 0, 0.5 * (mean / math.pi).sqrt() + 1e-3, 1.0)
        distances = distances.view(masks.shape)
        squashed = torch.tanh(distances / radius[:, None, None, None])
        return cls(distances, radius, squashed, SizeProfiles(positions, counts, areas))

    @classmethod
    def join(cls, parts: Sequence[ShapePriors]) -> ShapePriors:
        """All their tasks, in that order; nothing is measured again."""
        k = max(part.distances.shape[1] for part in parts)
        distances, squashed = (
            torch.cat([F.pad(x, (0, 0, 0, 0, 0, k - x.shape[1])) for x in pictures])
            for pictures in ([part.distances for part in parts], [part.squashed for part in parts])
        )
        profiles = SizeProfiles.join([part.profiles for part in parts])
        return cls(distances, torch.cat([part.radius for part in parts]), squashed, profiles)

    def logits(
        self,
        where: BetweenPainted,
        task: np.ndarray,
        targets: np.ndarray,
        first: Tensor,
        second: Tensor,
        across: SeenAcross | None = None,
    ) -> Tensor:
        """Logits of the shape expected on each target slice.

        Args:
            where: the targets lie.
            task: (N,) of the targets.
            targets: (N,) their places.
            first, second: (N, S, S) what the painted slices on either side say, carried to the target: squashed
                distances between two, distances beyond the outermost.
            across: what planes across show of the targets; None: there are none.

        Returns:
            (N, 2, S, S) float32, -4 to 4: the shape as it comes, and grown or shrunk to the size expected.
        """
        positions, counts = self.profiles.positions, np.asarray(self.profiles.counts)
        between = where.inner & (targets < positions[task, counts[task] - 1])
        device, k = first.device, self.squashed.shape[1]
        beyond = where.beyond if across is None else np.minimum(where.beyond, across.beyond)
        numbers = array_tensor(np.stack([where.share, where.inner, DECAY * beyond, between]))
        share, inner, decay, halved = to_device(numbers, device).unbind()
        if across is not None:  # at least so much that it holds nothing of where there is nothing
            decay = torch.maximum(decay, torch.where(across.empty, first, 0.0).amax((1, 2)))
        rows = np.stack([task, task * k + where.first, task * k + where.second])
        own, start, end = to_device(array_tensor(rows, np.int64), device).unbind()
        areas = self.profiles.areas.flatten()
        way = _bent(share, areas[start], areas[end])[:, None, None]
        outside = torch.tanh((first - decay[:, None, None]) / self.radius[own][:, None, None])
        field = torch.where(inner[:, None, None] > 0, torch.lerp(first, second, way), outside)
        expected = self.profiles.at(task, targets)
        expected = torch.where(halved > 0, (expected + (field > 0).sum((1, 2))) / 2, expected)  # equally good guesses
        return (_GAIN * torch.stack([field, _sized(field, expected)], 1)).clamp_(-_LIMIT, _LIMIT)


def _bent(way: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Way from one slice to the next, 0 to 1, such that the larger of the two areas reaches farther."""
    ratio = (before / after).clamp(1 / _RATIO, _RATIO) ** _ROUNDNESS
    bent = torch.where(ratio <= 1, way**ratio, 1 - (1 - way) ** (1 / ratio))
    return torch.where((before > 0) & (after > 0), bent, way)  # where it ends before an empty slice nobody knows


def _sized(fields: Tensor, expected: Tensor) -> Tensor:
    """Fields (N, S, S) shifted so that as many pixels are inside as expected (N,), as they are where that is nan."""
    values = fields.flatten(1)
    count = expected.nan_to_num(0.0).round().clamp_(0, values.shape[1]).long()
    level = largest_but(values, count.clamp_max(values.shape[1] - 1))  # the largest value that stays outside
    level = torch.where(count == 0, level.clamp_min(0), level)
    level = torch.where(count == values.shape[1], values.amin(1).clamp_max(0), level)
    return fields - torch.where(expected.isnan(), 0.0, level)[:, None, None]


def largest_but(values: Tensor, count: Tensor) -> Tensor:
    """The largest of each row but for so many larger ones; equal ones count one by one.

    By the digits of the numbers' binary form, from the first: sorting takes longer.

    Args:
        values: (N, n) float32, -1 to 1.
        count: (N,) long, 0 to n - 1.
    """
    bits = values.contiguous().view(torch.int32)
    keys = (bits ^ ((bits >> 31) & 0x7FFFFFFF)) + (1 << 30)  # of the same order as the values, 0 to 2^31
    found, left = torch.zeros_like(count), count
    for shift, digits in ((20, 11), (10, 10), (0, 10)):
        part = keys >> shift
        alike = ((part >> digits) == found[:, None]).float()
        tally = values.new_zeros(len(values), (1 << digits) + 1)
        tally.scatter_add_(1, (part & ((1 << digits) - 1)).long(), alike)
        at_least = tally.flip(1).cumsum(1).flip(1)  # so many have this digit or a larger one
        digit = (at_least > left[:, None]).sum(1) - 1
        left = left - at_least.gather(1, digit[:, None] + 1)[:, 0].long()
        found = (found << digits) + digit
    bits = (found - (1 << 30)).to(torch.int32)
    return (bits ^ ((bits >> 31) & 0x7FFFFFFF)).view(torch.float32)
