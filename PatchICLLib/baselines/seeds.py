"""What methods that grow from seeds are given: the painted extent with its surroundings, and a seed for every voxel."""

import numpy as np

from PatchICLLib.baselines.per_label import Spacing

GROWTH_SHARE = 0.35
MINIMUM_MARGIN = 3  # voxels, as in Slicer's effects that complete a segmentation

FREE, INSIDE, OUTSIDE = 0, 1, 2


def growth_window(mask: np.ndarray, spacing: Spacing) -> tuple[slice, slice, slice]:
    """Box of a painted mask (S, R, C) plus 35 %, cut at the volume's border.

    `spacing` is in mm along the same axes; the margin in the plane is the same in mm along rows and columns.
    """
    ranges = []
    for axis in range(3):
        occupied = np.flatnonzero(np.any(mask, axis=tuple(other for other in range(3) if other != axis)))
        ranges.append((int(occupied[0]), int(occupied[-1]) + 1))
    sides = [(stop - start) * step for (start, stop), step in zip(ranges, spacing, strict=True)]
    in_plane = GROWTH_SHARE * max(sides[1:])
    margins_mm = (GROWTH_SHARE * sides[0], in_plane, in_plane)
    window = []
    for (start, stop), margin_mm, step, count in zip(ranges, margins_mm, spacing, mask.shape, strict=True):
        margin = max(MINIMUM_MARGIN, int(np.ceil(margin_mm / step)))
        window.append(slice(max(0, start - margin), min(count, stop + margin)))
    return window[0], window[1], window[2]


def seeds_of(mask: np.ndarray, slices: tuple[int, ...]) -> np.ndarray:
    """(S, R, C) int16: every voxel of the painted slices of a mask is a seed of its inside or its outside."""
    seeds = np.full(mask.shape, FREE, np.int16)
    for index in slices:
        seeds[index] = np.where(mask[index], INSIDE, OUTSIDE)
    return seeds
