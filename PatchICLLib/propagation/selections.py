"""The cascade's trace in voxels of the volume, for people who want to see what was looked at."""

from __future__ import annotations

from PatchICLLib.cascade.patches import PatchGrid
from PatchICLLib.cascade.trace import LevelTrace
from PatchICLLib.propagation.painted_context import PaintedContext
from PatchICLLib.propagation.region import Region
from PatchICLLib.propagation.result import LevelSelection, PatchBox, SliceSelections


def _box(region: Region, grid: PatchGrid, slice_index: int, corner: tuple[int, int], score: float) -> PatchBox:
    """A patch of an unturned region; corners are voxel borders, hence the half voxel."""
    scale = [region.side / s / grid.size for s in region.spacing]
    first = [c - region.side / s / 2 for c, s in zip(region.centre, region.spacing, strict=True)]
    return PatchBox(
        slice_index,
        (first[0] + corner[0] * scale[0], first[1] + corner[1] * scale[1]),
        (grid.patch * scale[0], grid.patch * scale[1]),
        score,
    )


def describe(levels: tuple[LevelTrace, ...], context: PaintedContext, slices: list[int]) -> list[SliceSelections]:
    """Selections of each target slice of a batch.

    Args:
        levels: trace of the model for N = len(slices) targets and one context.
        context: the context.
        slices: index of each target.
    """
    found: list[list[LevelSelection]] = [[] for _ in slices]
    for level in levels:
        looked = _context_boxes(level, context)
        corners = level.grid.corners(level.selection.indices).tolist()
        weights, valid = level.selection.weights.tolist(), level.selection.valid.tolist()
        coverage, entropy = level.coverage.mean((1, 2, 3)).tolist(), level.weights.mean(1).tolist()
        for n, index in enumerate(slices):
            patches = tuple(
                _box(context.region, level.grid, index, corner, weight)
                for corner, weight, used in zip(corners[n], weights[n], valid[n], strict=True)
                if used
            )
            if patches:
                found[n].append(LevelSelection(level.resolution, patches, looked, coverage[n], entropy[n]))
    return [SliceSelections(z, context.label, tuple(levels)) for z, levels in zip(slices, found, strict=True)]


def _context_boxes(level: LevelTrace, context: PaintedContext) -> tuple[PatchBox, ...]:
    """Patches of the painted slices, ranked: the score falls from 1 for the closest to the boundary."""
    indices = level.context
    if indices.numel() == 0:
        return ()
    corners = level.grid.corners(indices[0]).tolist()
    count = indices.shape[-1]
    return tuple(
        _box(context.region, level.grid, index, corner, 1 - rank / count)
        for index, row in zip(context.slices, corners, strict=True)
        for rank, corner in enumerate(row)
    )
