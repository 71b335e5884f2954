"""Image-aware vote of the painted slices: is a voxel nearer to painted inside or to painted outside?

Nearness is geodesic: the cheapest path over the 26-neighbourhood, where a step costs the change of what is seen (all
channels of the image) plus a little for its length. The competition of inside and outside seeds is that of Slicer's
*Grow from seeds* (vtkImageGrowCutSegment); distances are kept, so that the vote is graded. Computed by directional
sweeps over whole planes, as in raster-scan geodesic transforms: one plane of all runs of slices at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.runtime.transfers import to_device

_LENGTH_COST = 0.05  # of a path across the whole field of view; channels range from about 0 to 1 in all
_FAR = 1e4
_BARRED = 2 * _FAR  # seen between runs of slices, so that no path there costs less than none
_AT_ONCE = {"cpu": 1 << 16}  # pixels of a plane: nine neighbours of each fit into a processor's cache
_MOST_AT_ONCE = 1 << 24


def geodesic_distances(
    image: Tensor,
    seeds: Tensor,
    depth: np.ndarray,
    spacing: np.ndarray,
    sweeps: int = 1,
    check: Callable[[], None] = lambda: None,
) -> Tensor:
    """Geodesic distance to inside seeds and to outside seeds, in G runs of neighbouring slices.

    Args:
        image: (R, C, Y, X) float, slices of all runs, one run after another; range about 0 to 1 in all; changes of the
            channels add up.
        seeds: (R, Y, X) integers: 1 inside, 2 outside, 0 free.
        depth: (G,) slices of each run, R in all.
        spacing: (G, 3) of the voxels in units of the field of view.
        sweeps: rounds of six directional passes; distances only fall with more, the vote hardly changes.
        check: called for every plane; may raise to stop.

    Returns:
        (R, 2, Y, X) float32: to inside, to outside; 1e4 where there is no seed of that kind.
    """
    layout = _Layout.of(depth, spacing, seeds.shape[1:], image.device)
    distance = torch.stack([torch.where(seeds == kind, 0.0, _FAR) for kind in (1, 2)], 1)
    for _ in range(sweeps):
        distance = layout.across(distance, _FAR)
        _sweep(distance, layout.across(image, 0.0), layout.costs[0], layout.slices, check)
        distance = layout.along(distance[..., 1:-1, 1:-1], _FAR, layout.apart_by_place)  # (Y, 2, R + G + 1, X + 2)
        _sweep(distance, layout.along(image, _BARRED, layout.apart), layout.costs[1], layout.lines[0], check)
        distance = F.pad(distance[..., 1:-1].permute(3, 1, 2, 0), (1, 1), value=_FAR).contiguous()
        turned = layout.along(image.transpose(2, 3), _BARRED, layout.apart)  # (X, C, R + G + 1, Y + 2)
        _sweep(distance, turned, layout.costs[2], layout.lines[1], check)
        distance = distance[..., 1:-1].permute(2, 1, 3, 0)[layout.apart]
    return distance


def geodesic_vote(
    image: Tensor,
    seeds: Tensor,
    depth: np.ndarray,
    spacing: np.ndarray,
    sweeps: int = 1,
    check: Callable[[], None] = lambda: None,
) -> Tensor:
    """``(D_outside - D_inside) / (D_outside + D_inside)``: -1 outside, 1 inside, 0 undecided.

    Args and shapes as in ``geodesic_distances``; returns (R, Y, X) float32.
    """
    inside, outside = geodesic_distances(image, seeds, depth, spacing, sweeps, check).unbind(1)
    return (outside - inside) / (outside + inside).clamp_min(1e-6)


_Planes = list[tuple[int, int, int]]  # where a plane and the next begin, and how many pictures go from one to the other


@dataclass(frozen=True)
class _Layout:
    """Where slices lie for sweeps across them and along them.

    Across, the first slices of all runs come first, then all second ones, the longest run first: what goes from plane
    to plane is one piece of memory. Along, the slices of a run lie side by side, with a barred row around each run.

    Attributes:
        by_place: (R,) where each slice comes in the first order.
        apart: (R,) where it comes in the second.
        apart_by_place: (R,) where slices in the first order come in the second.
        costs: of the nine steps, of sweeps along Z, Y and X; (G or 1, 1, 3, 3, rows or 1, 1).
        slices, lines: planes of the sweeps along Z, and along Y and X.
    """

    by_place: Tensor
    apart: Tensor
    apart_by_place: Tensor
    costs: list[Tensor]
    slices: _Planes
    lines: list[_Planes]

    @classmethod
    def of(cls, depth: np.ndarray, spacing: np.ndarray, sides: tuple[int, ...], device: torch.device) -> _Layout:
        count = int(depth.sum())
        run = np.repeat(np.arange(len(depth)), depth)
        place = np.arange(count) - np.repeat(depth.cumsum() - depth, depth)
        longest_first = np.argsort(-depth, kind="stable")
        order = np.lexsort((np.argsort(longest_first)[run], place))
        apart = np.arange(count) + run + 1
        active = [int((depth > z).sum()) for z in range(int(depth.max(initial=0)))]
        starts = np.cumsum([0, *active])
        slices = [(int(starts[z - 1]), int(starts[z]), active[z]) for z in range(1, len(active))]
        lines = [[(line - 1, line, 1) for line in range(1, side)] for side in sides]
        steps = _LENGTH_COST * np.asarray(spacing, float)
        side = np.array([-1.0, 0.0, 1.0])
        costs = []
        for first, second, third in ((0, 1, 2), (1, 0, 2), (2, 0, 1)):
            squares = (steps[:, second, None] * side)[:, :, None] ** 2 + (steps[:, third, None] * side)[:, None] ** 2
            cost = np.sqrt(steps[:, first, None, None] ** 2 + squares)[:, None]  # (G, 1, 3, 3)
            if first == 0:
                cost = cost[longest_first][..., None, None]
            else:  # a barred row may cost what it will
                cost = np.moveaxis(cost[np.insert(run, np.flatnonzero(np.diff(run)) + 1, 0)], 0, -1)[None, ..., None]
            costs.append(to_device(array_tensor(cost), device))
        upload = partial(_uploaded, device=device)
        return cls(upload(np.argsort(order)), upload(apart), upload(apart[order]), costs, slices, lines)

    def across(self, pictures: Tensor, value: float) -> Tensor:
        """Pictures (R, C, Y, X) in the first order, with a rim of a value: (R, C, Y + 2, X + 2)."""
        count, channels, height, width = pictures.shape
        laid = pictures.new_full((count, channels, height + 2, width + 2), value)
        laid[..., 1:-1, 1:-1][self.by_place] = pictures
        return laid

    def along(self, pictures: Tensor, value: float, places: Tensor) -> Tensor:
        """Pictures (R, C, Y, X) in the second order, with a value around each run: (Y, C, R + G + 1, X + 2)."""
        channels, height, width = pictures.shape[1:]
        laid = pictures.new_full((height, channels, self.costs[1].shape[4] + 2, width + 2), value)
        laid[..., 1:-1][:, :, places] = pictures.permute(2, 1, 0, 3)
        return laid


def _uploaded(rows: np.ndarray, device: torch.device) -> Tensor:
    return to_device(array_tensor(rows, np.int64), device)


def _sweep(distance: Tensor, image: Tensor, costs: Tensor, planes: _Planes, check: Callable[[], None]) -> None:
    """One pass in both directions along the first axis, in place.

    Args:
        distance: (P, 2, H + 2, W + 2), far on the rim.
        image: (P, C, H + 2, W + 2).
        costs: (n, 1, 3, 3, H or 1, 1) of the nine steps, for the n pictures of the first plane.
        planes: parts of the first axis.
        check: called for each plane; may raise to stop.
    """
    height, width = distance.shape[2] - 2, distance.shape[3] - 2
    arrivals, neighbours = (x.unfold(2, height, 1).unfold(3, width, 1) for x in (distance, image))
    inner, centre = distance[..., 1:-1, 1:-1], image[:, :, None, None, 1:-1, 1:-1]
    costs = costs.expand(-1, -1, -1, -1, height, 1)
    limit = _AT_ONCE.get(image.device.type, _MOST_AT_ONCE)
    rows = min(height, max(1, limit // width))
    pictures = max(1, limit // (rows * width))
    back = [(after, before, count) for before, after, count in reversed(planes)]
    for there, here, count in planes + back:
        check()
        for first in range(0, count, pictures):
            many = min(pictures, count - first)
            source, goal = (slice(start + first, start + first + many) for start in (there, here))
            for row in range(0, height, rows):
                part = slice(row, row + rows)
                change = _copied(neighbours[source, ..., part, :]).sub_(centre[goal, ..., part, :]).abs_()
                price = _channels_added(change).add_(costs[first : first + many, ..., part, :])
                best = _copied(arrivals[source, ..., part, :]).add_(price).amin((2, 3))
                reached = inner[goal, :, part]
                torch.minimum(reached, best, out=reached)


def _copied(windows: Tensor) -> Tensor:
    """In memory of its own and in order, which everything after passes in one go."""
    return windows.clone(memory_format=torch.contiguous_format)


def _channels_added(change: Tensor) -> Tensor:
    """(n, C, 3, 3, h, w) to (n, 1, 3, 3, h, w); faster than a sum."""
    total = change[:, :1]
    for channel in range(1, change.shape[1]):
        total = total.add_(change[:, channel : channel + 1])
    return total
