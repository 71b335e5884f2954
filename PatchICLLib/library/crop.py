"""Which part of a scan is kept: the structures and what surrounds them."""

from collections.abc import Iterable

import numpy as np

# Regions of interest are squares in a plane, somewhat larger than the longer side of what is painted there.
_OF_OWN_EXTENT = 1.5
_OF_MEDIAN_EXTENT = 2.0
_LEAST_BEYOND = 3  # voxels

Box = tuple[slice, slice, slice]


def box_around(masks: Iterable[np.ndarray], spacing: tuple[float, float, float]) -> Box:
    """The part of a scan that holds structures with a margin.

    Along each axis it is at least 1.5 times as long as a structure there, twice the median of its three extents, and
    3 voxels longer at either end, as far as the scan reaches.

    Args:
        masks: (K, J, I) bool each, not empty.
        spacing: (sk, sj, si) in mm.
    """
    first = last = None
    for mask in masks:
        low, high = _bounds(mask)
        steps = np.array(spacing)
        extent = (high - low) * steps
        wanted = np.maximum(_OF_OWN_EXTENT * extent, _OF_MEDIAN_EXTENT * np.median(extent))
        margin = np.maximum(np.ceil((wanted - extent) / 2 / steps), _LEAST_BEYOND).astype(int)
        low, high = np.maximum(low - margin, 0), np.minimum(high + margin, mask.shape)
        first = low if first is None else np.minimum(first, low)
        last = high if last is None else np.maximum(last, high)
    if first is None or last is None:
        raise ValueError("no masks")
    k, j, i = (slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    return k, j, i


def _bounds(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First voxel of a mask along each axis, and the one after its last."""
    occupied = [np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    return np.array([one[0] for one in occupied]), np.array([one[-1] + 1 for one in occupied])
