"""Shape interpolation: signed distance maps of the painted slices, blended linearly.

Raya and Udupa, "Shape-based interpolation of multidimensional objects", IEEE Trans. Med. Imaging 9(1), 1990.
"""

import numpy as np
from scipy import ndimage

from PatchICLLib.baselines.per_label import Baseline, Spacing


def _interpolate(
    mask: np.ndarray, slices: tuple[int, ...], _image: None, spacing: Spacing
) -> tuple[np.ndarray, np.ndarray]:
    """Interpolate the shape of each label between its painted slices.

    Between two painted slices a voxel belongs to the label where the blended signed distance is not negative. Beyond
    the outermost painted slices the distance decays by 1 mm per mm. Towards a slice that was declared empty the shape
    shrinks, and is gone beyond halfway.
    """
    # Outside every painted mask all distances are negative, so nothing can appear beyond their common bounding box.
    window = (slice(None), *_bounding_window(np.any(mask[list(slices)], axis=0)))
    cropped = mask[window]
    distances = {s: _distance(cropped[s], spacing[1:]) for s in slices if cropped[s].any()}
    field = np.full(cropped.shape, -np.inf, np.float32)

    for lower, upper in zip(slices, slices[1:], strict=False):
        if lower not in distances and upper not in distances:
            continue
        below = distances[lower] if lower in distances else _vanishing(distances[upper])
        above = distances[upper] if upper in distances else _vanishing(distances[lower])
        for index in range(lower + 1, upper):
            share = (index - lower) / (upper - lower)
            field[index] = (1 - share) * below + share * above
    if slices[0] in distances:
        for index in range(slices[0]):
            field[index] = distances[slices[0]] - (slices[0] - index) * spacing[0]
    if slices[-1] in distances:
        for index in range(slices[-1] + 1, len(mask)):
            field[index] = distances[slices[-1]] - (index - slices[-1]) * spacing[0]

    filled = np.zeros_like(mask)
    filled[window] = field >= 0
    strength = np.full(mask.shape, -np.inf, np.float32)
    strength[window] = field
    return filled, strength


interpolate_shapes = Baseline(_interpolate)


def _distance(mask: np.ndarray, pixel: tuple[float, float]) -> np.ndarray:
    """Signed distance in mm of a mask (R, C) that is not empty; the border bounds one that is True everywhere.

    The boundary runs half the smaller distance of pixels from the centres next to it.
    """
    if mask.all():
        return _distance(np.pad(mask, 1), pixel)[1:-1, 1:-1]
    half = min(pixel) / 2
    inside, outside = (ndimage.distance_transform_edt(side, sampling=pixel) for side in (mask, ~mask))
    return np.where(mask, inside - half, half - outside).astype(np.float32)


def _vanishing(distance: np.ndarray) -> np.ndarray:
    """Stand-in for an empty slice: blended with `distance`, nothing is left beyond halfway."""
    return distance - 2 * distance.max()


def _bounding_window(plane: np.ndarray) -> tuple[slice, slice]:
    """Bounding box of a (R, C) mask with one pixel around it, which holds the nearest background of every pixel."""
    rows, columns = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
    return (
        slice(max(0, int(rows[0]) - 1), int(rows[-1]) + 2),
        slice(max(0, int(columns[0]) - 1), int(columns[-1]) + 2),
    )
