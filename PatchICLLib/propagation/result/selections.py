"""The cascade's trace in voxels of the volume, for people who want to see what was looked at."""

from __future__ import annotations

from PatchICLLib.cascade.patches import PatchGrid
from PatchICLLib.cascade.trace import LevelTrace
from PatchICLLib.propagation.geometry.orientation import Orientation
from PatchICLLib.propagation.geometry.region import Region
from PatchICLLib.propagation.painted_context import PaintedContext
from PatchICLLib.propagation.result.propagation_result import LevelSelection, PatchBox, SliceSelections


class _Boxes:
    """Patches of an unturned region as boxes in voxels of the stored slices."""

    def __init__(self, region: Region, grid: PatchGrid, orientation: Orientation) -> None:
        self.orientation = orientation
        self.scale = [region.side / s / grid.size for s in region.spacing]
        self.first = [c - region.side / s / 2 for c, s in zip(region.centre, region.spacing, strict=True)]
        self.size = (grid.patch * self.scale[0], grid.patch * self.scale[1])

    def box(self, slice_index: int, corner: tuple[int, int], score: float) -> PatchBox:
        place = (self.first[0] + corner[0] * self.scale[0], self.first[1] + corner[1] * self.scale[1])
        return PatchBox(self.orientation.slice_index(slice_index), *self.orientation.box(place, self.size), score)


def describe(
    levels: tuple[LevelTrace, ...], context: PaintedContext, slices: list[int], orientation: Orientation
) -> list[SliceSelections]:
    """Selections of each target slice of a batch.

    Args:
        levels: trace of the model for N = len(slices) targets and one context.
        context: the context.
        slices: index of each target.
        orientation: in which the engine sees the volume; the boxes are given in stored voxels.
    """
    found: list[list[LevelSelection]] = [[] for _ in slices]
    for level in levels:
        boxes = _Boxes(context.region, level.grid, orientation)
        looked = _context_boxes(level, context, boxes)
        corners = level.grid.corners(level.selection.indices).tolist()
        weights, valid = level.selection.weights.tolist(), level.selection.valid.tolist()
        coverage, entropy = level.coverage.mean((1, 2, 3)).tolist(), level.weights.mean(1).tolist()
        for n, index in enumerate(slices):
            patches = tuple(
                boxes.box(index, corner, weight)
                for corner, weight, used in zip(corners[n], weights[n], valid[n], strict=True)
                if used
            )
            if patches:
                found[n].append(LevelSelection(level.resolution, patches, looked, coverage[n], entropy[n]))
    return [
        SliceSelections(orientation.slice_index(index), context.label, tuple(levels))
        for index, levels in zip(slices, found, strict=True)
    ]


def _context_boxes(level: LevelTrace, context: PaintedContext, boxes: _Boxes) -> tuple[PatchBox, ...]:
    """Patches of the painted slices, ranked: the score falls from 1 for the closest to the boundary."""
    indices = level.context
    if indices.numel() == 0:
        return ()
    corners = level.grid.corners(indices[0]).tolist()
    count = indices.shape[-1]
    return tuple(
        boxes.box(index, corner, 1 - rank / count)
        for index, row in zip(context.slices, corners, strict=True)
        for rank, corner in enumerate(row)
    )
