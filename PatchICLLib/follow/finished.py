"""Whether a segmentation is finished, or painted on some slices that the others are to be filled from."""

from collections.abc import Sequence

import numpy as np

from PatchICLLib.propagation.geometry.holding_planes import on_any, planes_holding

_LEAST = 4  # slices in a row: fewer may well have been painted one by one
_FEWER = 0.75  # of the slices of one axis: if so many planes of several hold all, it was painted on these
_ISLET = 0.1  # of the largest slice: what is smaller and lies apart is a speck, and no painted slice


def looks_finished(mask: np.ndarray, shape: Sequence[int]) -> bool:
    """Whether a structure looks as if nothing were to be filled in between, from how its voxels lie.

    It looks painted where up to three slices in a row are apart from others, or are all there is, and where it is thin
    and few planes of several axes hold it. Anything in one part and four voxels thick somewhere looks finished, and so
    do thin structures that bend. Not to be told are slices painted four or more in a row, strokes of a ball, parts of
    less than four slices above each other, and sheets along an axis: only who made them knows.

    Args:
        mask: (k, j, i) bool, not empty: the volume, or a part of it that holds the structure.
        shape: number of voxels of the volume along k, j, i.
    """
    areas = [mask.sum(axis=tuple(other for other in range(3) if other != axis)) for axis in range(3)]
    least = [min(_LEAST, count) for count in shape]
    if any(_has_few_in_a_row(*one) for one in zip(areas, least, strict=True)):
        return False
    if _is_thick(mask, least):
        return True
    fewer = int(_FEWER * min(np.count_nonzero(area) for area in areas))
    at = np.argwhere(mask)
    planes = planes_holding(at, most=fewer)
    return len(planes) > fewer or not bool(on_any(at, planes).all())


def _has_few_in_a_row(area: np.ndarray, least: int) -> bool:
    """Args: area: voxels in each slice; least: slices in a row that are enough."""
    held = np.flatnonzero(area)
    runs = np.split(held, np.flatnonzero(np.diff(held) > 1) + 1)
    return any(len(run) < least and area[run].max() > _ISLET * area.max() for run in runs)


def _is_thick(mask: np.ndarray, least: Sequence[int]) -> bool:
    """Whether a block of so many voxels along each axis is somewhere in it."""
    for axis, count in enumerate(least):
        line = np.moveaxis(mask, axis, 0)
        for _ in range(count - 1):
            line = line[1:] & line[:-1]
        mask = np.moveaxis(line, 0, axis)
    return bool(mask.any())
