"""On the slices of which axis was painted?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from PatchICLLib.errors import InputError
from PatchICLLib.propagation.sliced_volume import bounding_box

AXIS_NAMES = ("k", "j", "i")
_ADJACENT = 3  # so many painted slices in a row say nothing about how they were painted
_SHEET = 0.75  # voxels: deviation from a plane of what was drawn on one
_SHARE = 0.25  # of the painted voxels that may look as if drawn across the slices


def find_axis(painted: np.ndarray, spacing: tuple[float, float, float]) -> int:
    """The axis across whose slices the painting lies.

    Somebody who paints on a few slices leaves gaps between them, along that axis only; along the others the painted
    voxels are contiguous. Ties go to the axis with fewer painted slices, then to the thicker slices.

    Args:
        painted: (K, J, I), 0 where nothing is painted.
        spacing: (sk, sj, si) in mm.

    Returns:
        0 for k, 1 for j, 2 for i.

    Raises:
        InputError: nothing is painted, or the painting lies on the slices of no axis, or on slices of several.
    """
    mask = painted[bounding_box(painted)] != 0
    if not mask.size:
        raise InputError("Nothing is painted: paint the structure on at least one slice, on two or more if possible.")
    keys = []
    for axis in range(3):
        present = np.flatnonzero(mask.any(tuple(a for a in range(3) if a != axis)))
        keys.append((int((np.diff(present) == 1).sum()), len(present), -spacing[axis], axis))
    axis = min(keys)[3]
    _demand_slices(np.moveaxis(mask, axis, 0))
    return axis


def _demand_slices(mask: np.ndarray) -> None:
    """Painted sheets that cross many slices were drawn on an oblique plane, or on the slices of another axis."""
    across = sum(int(part.sum()) for run in _long_runs(mask) for part in _parts(run) if _crosses(part))
    if across > _SHARE * np.count_nonzero(mask):
        raise InputError(
            "The painted voxels do not lie on slices of one axis of the volume: paint on axial, coronal or sagittal "
            "slices of the volume itself (rotate the view to the volume plane), all on the same axis, or name the axis."
        )


def _long_runs(mask: np.ndarray) -> Iterator[np.ndarray]:
    """Neighbouring painted slices; only where many are adjacent can the painting cross them."""
    present = mask.any((1, 2))
    edges = np.flatnonzero(np.diff(present.astype(np.int8), prepend=0, append=0))
    for first, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - first > _ADJACENT:
            yield mask[first:stop]


def _parts(run: np.ndarray) -> Iterator[np.ndarray]:
    """Connected parts, each within its own box."""
    numbers, _ = ndimage.label(run, np.ones((3, 3, 3)))
    for number, box in enumerate(ndimage.find_objects(numbers), 1):
        yield numbers[box] == number


def _crosses(part: np.ndarray) -> bool:
    """Whether a connected part (slices, rows, columns) looks drawn on planes other than the slices."""
    depth, rows, columns = part.shape
    if depth <= _ADJACENT or max(rows, columns) <= _ADJACENT:
        return False
    if min(rows, columns) == 1:
        return True
    if min(rows, columns) <= _ADJACENT or ndimage.binary_erosion(part, np.ones((3, 3, 3))).any():
        return False
    areas = part.sum((1, 2))
    if areas.max() >= 4 * np.median(areas):
        return True  # a whole slice, and the edges of slices of another axis
    deviations = np.sqrt(np.linalg.eigvalsh(np.cov(np.argwhere(part).T)).clip(0))
    return bool(deviations[0] < _SHEET and deviations[1] > 2 * _SHEET)
