"""On the slices of which axis was painted?"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from PatchICLLib.errors import InputError

AXIS_NAMES = ("k", "j", "i")


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
        InputError: the painting lies on the slices of no axis, or on slices of several.
    """
    mask = painted != 0
    keys = []
    for axis in range(3):
        present = np.flatnonzero(mask.any(tuple(a for a in range(3) if a != axis)))
        keys.append((int((np.diff(present) == 1).sum()), len(present), -spacing[axis], axis))
    axis = min(keys)[3]
    _demand_planes(mask, axis)
    return axis


def _demand_planes(mask: np.ndarray, axis: int) -> None:
    """Painted sheets that cross many slices of the best axis were drawn on an oblique plane, or on several axes."""
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    parts, count = ndimage.label(mask[box], np.ones((3, 3, 3)))
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    crossing = 0
    for number, part_box in enumerate(ndimage.find_objects(parts), 1):
        extents = [s.stop - s.start for s in part_box]
        if min(extents) <= 3 or extents[axis] <= 3:
            continue
        part = np.pad(parts[part_box] == number, 1)
        if not ndimage.binary_erosion(part).any():
            crossing += sizes[number]
    if crossing > 0.5 * sizes[1:].sum():
        raise InputError(
            "The painted voxels do not lie on slices of one axis of the volume: paint on axial, coronal or sagittal "
            "slices of the volume itself (rotate the view to the volume plane), all on the same axis, or name the axis."
        )
