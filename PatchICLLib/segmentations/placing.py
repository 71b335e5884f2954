"""Masks on a part of an image's lattice, or on its axes in another order, put where they belong, voxel by voxel."""

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.images import Grid

_TOLERANCE = 0.1  # voxels


def placed(mask: np.ndarray, grid: Grid, image: Grid, what: str) -> tuple[tuple[slice, slice, slice], np.ndarray]:
    """Where a mask's voxels lie in an image.

    Args:
        mask: (K, J, I) bool, on `grid`.
        grid: of the mask.
        image: grid of the image.
        what: in messages, such as "segmentation x.seg.nrrd".

    Returns:
        Box in the image's array, and the bool voxels of the box, both as small as may be; an empty box for an empty
        mask.

    Raises:
        InputError: the two are not parts of one lattice, or the mask reaches beyond the image.
    """
    order, signs, first = _turn(grid, image, what)
    mask = mask.transpose(order)[tuple(slice(None, None, sign) for sign in signs)]
    box = _occupied(mask)
    if box is None:
        return (slice(0, 0),) * 3, np.zeros((0, 0, 0), bool)
    there = tuple(slice(part.start + int(f), part.stop + int(f)) for part, f in zip(box, first, strict=True))
    if any(part.start < 0 or part.stop > count for part, count in zip(there, image.shape, strict=True)):
        raise InputError(
            f"The {what} reaches beyond the image (size {image.size_text}): take the image that it was painted on, or "
            "crop the segmentation to this one."
        )
    return (there[0], there[1], there[2]), mask[box]


def _turn(grid: Grid, image: Grid, what: str) -> tuple[tuple[int, ...], tuple[int, ...], np.ndarray]:
    """Order of the mask's axes, their signs, and the image's index (k, j, i) of the first voxel once turned."""
    # column c: steps along the image's (i, j, k) for one voxel along axis c of the mask's
    steps = np.linalg.solve(image.steps, grid.steps)
    whole = np.rint(steps)
    start = np.linalg.solve(image.steps, np.array(grid.origin) - np.array(image.origin))
    size = np.array(grid.shape[::-1])
    turned = np.array_equal(np.abs(whole).sum(0), [1, 1, 1]) and np.array_equal(np.abs(whole).sum(1), [1, 1, 1])
    if turned:
        off = np.abs(steps - whole) @ (size - 1) + np.abs(start - np.rint(start))
    if not turned or off.max() > _TOLERANCE:
        differences = "; ".join(grid.differences(image))
        raise InputError(
            f"The {what} does not lie on the image's voxels ({differences}, the segmentation first): "
            "set the image as its reference geometry in 3D Slicer and save it again, or resample it onto the image."
        )
    order = tuple(2 - int(np.abs(whole[2 - axis]).argmax()) for axis in range(3))
    signs = tuple(int(whole[2 - axis, 2 - order[axis]]) for axis in range(3))
    shape = [grid.shape[axis] for axis in order]
    first = np.rint(start)[::-1].astype(int)
    first = np.array([f if sign > 0 else f - (n - 1) for f, sign, n in zip(first, signs, shape, strict=True)])
    return order, signs, first


def _occupied(mask: np.ndarray) -> tuple[slice, ...] | None:
    box = []
    for axis in range(3):
        occupied = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        if not len(occupied):
            return None
        box.append(slice(int(occupied[0]), int(occupied[-1]) + 1))
    return tuple(box)
