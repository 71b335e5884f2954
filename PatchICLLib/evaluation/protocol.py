"""Which slices are painted and which are judged.

*span*: k slices equally spaced from the structure's first to its last slice (one slice: the middle one).
*inset*: k slices at the centres of k equal parts, so that a method has to find the ends.

Every slice of the volume that was not painted is judged, those beyond the structure's ends included.
"""

from typing import Literal

import numpy as np

from PatchICLLib.errors import InputError

Placement = Literal["span", "inset"]
PLACEMENTS: tuple[Placement, ...] = ("span", "inset")
SPACING_TOLERANCE = 0.01


def painted_positions(first: int, last: int, k: int, placement: Placement) -> tuple[int, ...]:
    """Indices of the painted slices of a structure that reaches from slice `first` to `last` (inclusive).

    Positions between two slices are rounded by floor(p + 0.5).

    Raises:
        InputError: `k` is not between 1 and the number of slices.
    """
    count = last - first + 1
    if not 1 <= k <= count:
        raise InputError(f"{k} slices cannot be painted on a structure of {count} slices: give k from 1 to {count}.")
    # floor(p + 0.5) in whole numbers, where floating point would now and then fall to the wrong side of a half.
    if placement == "span" and k > 1:
        return tuple(first + (2 * part * (count - 1) + k - 1) // (2 * (k - 1)) for part in range(k))
    return tuple(first + (2 * part + 1) * count // (2 * k) for part in range(k))


def through_plane_axis(spacing: tuple[float, float, float]) -> int:
    """Array axis across the slices as they were acquired: the one with the largest spacing.

    Spacings within 1 % of the largest count as equal, and the first of these axes wins (k, then j, then i): k is the
    axis along which files stack their slices.
    """
    largest = max(spacing)
    return next(axis for axis in range(3) if spacing[axis] >= largest * (1 - SPACING_TOLERANCE))


def paint(reference: np.ndarray, axis: int, slices: tuple[int, ...]) -> np.ndarray:
    """Copy the reference (K, J, I) bool on the given slices into an empty painting, (K, J, I) uint8 of 0 and 1."""
    painted = np.zeros(reference.shape, np.uint8)
    chosen: list[slice | list[int]] = [slice(None)] * 3
    chosen[axis] = list(slices)
    painted[tuple(chosen)] = reference[tuple(chosen)]
    return painted


def judged_slices(count: int, slices: tuple[int, ...]) -> np.ndarray:
    """(count,) bool, True for every slice that was not painted."""
    judged = np.ones(count, bool)
    judged[list(slices)] = False
    return judged


def copied_slices(reference: np.ndarray, slices: tuple[int, ...]) -> np.ndarray:
    """Slices whose reference is voxel by voxel that of a painted slice nearest to them.

    References that were drawn or computed on thicker slices repeat on neighbouring ones. Copying the nearest painted
    slice is then exactly right, whatever the image shows.

    Args:
        reference: (S, R, C) bool, slices first.
        slices: painted ones.

    Returns:
        (S,) bool; painted slices and slices without the structure are none.
    """
    painted = np.asarray(slices)
    copied = np.zeros(len(reference), bool)
    if not slices:
        return copied
    for index in np.flatnonzero(reference.any((1, 2))):
        distances = np.abs(painted - index)
        nearest = painted[distances == distances.min()]
        copied[index] = index not in slices and any((reference[index] == reference[z]).all() for z in nearest)
    return copied
