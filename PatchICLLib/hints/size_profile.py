"""How large a structure is expected to be between and beyond its painted slices.

The cross-sections of an ellipsoid change their areas along a parabola. One through three neighbouring painted slices
says how round a structure is between them, and where it ends beyond the outermost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.hints.between_painted import BetweenPainted
from PatchICLLib.runtime.transfers import to_device

_LEAST, _MOST = 0.5, 1.3  # times the smaller and the larger area of the two painted slices around
_BEYOND = 1.1  # times the area of the outermost painted slice
_FLAT = 1e-3  # of that area: a smaller change along the painted range is none


@dataclass(frozen=True)
class SizeProfiles:
    """Areas of the painted slices of G tasks.

    Attributes:
        positions: (G, k) places along the slicing axis, in any unit, ascending.
        counts: (G,) painted slices of each task, which come first; the others only pad.
        areas: (G, k) in any unit, not negative.
    """

    positions: np.ndarray
    counts: np.ndarray
    areas: Tensor

    @classmethod
    def join(cls, parts: Sequence[SizeProfiles]) -> SizeProfiles:
        """All their tasks, in that order."""
        k = max(part.areas.shape[1] for part in parts)
        return cls(
            np.concatenate([np.pad(part.positions, ((0, 0), (0, k - part.positions.shape[1]))) for part in parts]),
            np.concatenate([part.counts for part in parts]),
            torch.cat([F.pad(part.areas, (0, k - part.areas.shape[1])) for part in parts]),
        )

    def at(self, task: np.ndarray, targets: np.ndarray) -> Tensor:
        """Areas expected on target slices, (N,); nan where the painted slices tell nothing.

        Painted slices without the structure say that it ended before, not where.

        Args:
            task: (N,) of each target slice.
            targets: (N,) their places.
        """
        where = BetweenPainted.of(self.positions, self.counts, task, targets)
        outermost = self.positions[task, where.first]
        last_three = np.where(where.low, 0, np.asarray(self.counts)[task] - 3)
        before, here = (self._parabolas(task, first, targets) for first in (where.first - 1, where.first))
        end = self._parabolas(task, last_three, outermost)
        onward = np.where(where.low, -1, 1)  # slopes count away from the painted slices
        numbers = np.stack(
            [
                *before.weights[0],
                *here.weights[0],
                *(onward * end.weights[1]),
                *end.weights[2],
                before.exist,
                here.exist,
                end.exist,
                where.share,
                where.beyond / end.span,
                where.inner,
            ]
        )
        rows = np.stack([*before.rows, *here.rows, *end.rows, where.first, where.second])
        rows = rows + task * self.areas.shape[1]
        device, kind = self.areas.device, np.float64 if self.areas.dtype == torch.float64 else np.float32
        areas = self.areas.flatten()[to_device(array_tensor(rows, np.int64), device)]
        return _expected(areas, to_device(array_tensor(numbers, kind), device))

    def _parabolas(self, task: np.ndarray, first: np.ndarray, origin: np.ndarray) -> _Parabolas:
        """Through three painted slices from ``first`` on, of the way from ``origin`` in units of their span."""
        exist = (first >= 0) & (first + 3 <= np.asarray(self.counts)[task])
        rows = np.clip(first + np.arange(3)[:, None], 0, self.areas.shape[1] - 1)
        places = np.where(exist, self.positions[task, rows] - origin, np.arange(3)[:, None])
        span = places[2] - places[0]
        places = places / span
        following, last = np.roll(places, -1, 0), np.roll(places, -2, 0)
        scale = (places - following) * (places - last)
        weights = np.stack([following * last, -(following + last), np.ones_like(places)]) / scale
        return _Parabolas(rows, exist, span, weights)


@dataclass(frozen=True)
class _Parabolas:
    """Parabolas through the areas of three painted slices each.

    Attributes:
        rows: (3, N) the painted slices.
        exist: (N,) whether there are three.
        span: (N,) between the outer two.
        weights: (3, 3, N) of the areas in the coefficients, lowest power first.
    """

    rows: np.ndarray
    exist: np.ndarray
    span: np.ndarray
    weights: np.ndarray


def _expected(areas: Tensor, numbers: Tensor) -> Tensor:
    """Areas expected from those of the painted slices, (11, N), and what is known of places alone, (18, N)."""
    before, here, end = areas[:9].unflatten(0, (3, 3)).unbind()
    first, second = areas[9:].unbind()
    at_before, at_here, slopes, bends = numbers[:12].unflatten(0, (4, 3)).unbind()
    exist, (share, beyond, inner) = numbers[12:15], numbers[15:].unbind()
    whole = exist * (areas[:9].unflatten(0, (3, 3)) > 0).all(1)

    weight_before, weight_here = (1 - share) * whole[0], share * whole[1]
    weight = weight_before + weight_here
    curved = weight_before * (at_before * before).sum(0) + weight_here * (at_here * here).sum(0)
    curved = curved / torch.where(weight > 0, weight, 1)
    lowest, highest = _LEAST * torch.minimum(first, second), _MOST * torch.maximum(first, second)
    between = torch.where(
        weight > 0, torch.minimum(torch.maximum(curved, lowest), highest), (1 - share) * first + share * second
    )
    between = torch.where((first > 0) & (second > 0), between, torch.nan)

    slope, bend = (slopes * end).sum(0), (bends * end).sum(0)
    narrows = (whole[2] > 0) & (bend <= -_FLAT * first) & (slope <= -_FLAT * first)
    further = (first + (slope + bend * beyond) * beyond).clamp_min(0)
    further = torch.where(narrows, torch.minimum(further, _BEYOND * first), torch.nan)
    return torch.where(inner > 0, between, torch.where(first > 0, further, 0.0))
