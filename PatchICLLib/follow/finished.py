"""Whether a segmentation is finished, or painted on some slices that the others are to be filled from."""

from collections.abc import Iterable

import numpy as np
from scipy import ndimage

_LEAST = 4  # slices along each axis: fewer in a row may well have been painted


def looks_finished(masks: Iterable[np.ndarray]) -> bool:
    """Whether every structure is solid, as none is that was painted on single slices of any axes.

    A body in several parts with slices between them, and a sheet, look painted: only who made them knows.

    Args:
        masks: (K, J, I) bool of each structure.
    """
    return all(_is_solid(mask) for mask in masks)


def _is_solid(mask: np.ndarray) -> bool:
    """Without a gap along any axis, and three voxels thick somewhere."""
    boxes = ndimage.find_objects(mask.view(np.uint8))
    body = mask[boxes[0]] if boxes else mask[:0]
    if min(body.shape) < _LEAST:
        return False
    if not all(body.any(tuple(other for other in range(3) if other != axis)).all() for axis in range(3)):
        return False
    return bool(ndimage.binary_erosion(body, np.ones((3, 3, 3))).any())
