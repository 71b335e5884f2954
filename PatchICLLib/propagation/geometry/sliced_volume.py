"""A volume seen along its slicing axis."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.propagation.geometry.evidence import Evidence
from PatchICLLib.propagation.geometry.orientation import Orientation

if TYPE_CHECKING:
    from PatchICLLib.propagation.geometry.known_voxels import KnownVoxels

_LARGEST = 1e30  # what fits single precision with room for sums


@dataclass(frozen=True)
class SlicedVolume:
    """Views with the slicing axis first, in an orientation that does not depend on storage; nothing is copied.

    Attributes:
        image: (Z, H, W) real numbers.
        painted: (Z, H, W) integers.
        step: distance of slices in mm.
        spacing: distance of rows and of columns in mm.
        orientation: from the stored order of axes to this one.
        known: of voxels beside painted slices; None if nothing is.
    """

    image: np.ndarray
    painted: np.ndarray
    step: float
    spacing: tuple[float, float]
    orientation: Orientation
    known: KnownVoxels | None = None

    @classmethod
    def along(
        cls,
        axis: int,
        image: np.ndarray,
        painted: np.ndarray,
        spacing: tuple[float, float, float],
        evidence: Evidence | None = None,
    ) -> SlicedVolume:
        """See stored arrays (K, J, I) of a spacing (sk, sj, si), and what else is known, along an axis."""
        from PatchICLLib.propagation.geometry.known_voxels import KnownVoxels  # here, for reviews do without torch

        orientation = Orientation.of(axis, image, painted, spacing)
        slices, rows, columns = orientation.axes
        seen = orientation.view(image), orientation.view(painted)
        known = None if evidence is None else KnownVoxels.seen(seen[1], evidence, orientation)
        return cls(*seen, spacing[slices], (spacing[rows], spacing[columns]), orientation, known)

    @property
    def axis(self) -> int:
        """Slicing axis in the stored order, 0 for k, 1 for j, 2 for i."""
        return self.orientation.axes[0]

    @cached_property
    def painted_box(self) -> tuple[slice, slice, slice]:
        """Slices, rows and columns that hold painted voxels."""
        return bounding_box(self.painted)

    @cached_property
    def painted_planes(self) -> tuple[int, ...]:
        """Slices that hold painted voxels, ascending."""
        box = self.painted_box
        return tuple(box[0].start + z for z, plane in enumerate(self.painted[box]) if plane.any())

    def fingerprint(self, check: Callable[[], None] = lambda: None) -> bytes:
        """Hash of the intensities and the geometry, to recognise the volume in a later call.

        Args:
            check: called now and then; may raise to stop.
        """
        image = self.image
        digest = hashlib.blake2b(repr((image.shape, image.dtype.str, self.step, self.spacing)).encode())
        order = _storage_order(image)  # reading memory in its order is ten times as fast
        digest.update(bytes(order))
        digest.update(bytes(self.image.strides[a] < 0 for a in order))
        for plane in _forward(image.transpose(order)):
            check()
            digest.update(np.ascontiguousarray(plane).data)
        return digest.digest()


def bounding_box(array: np.ndarray) -> tuple[slice, slice, slice]:
    """Where an array of three dimensions is not 0; empty slices if it is 0 everywhere."""
    order = _storage_order(array)
    present = [np.zeros(array.shape[a], bool) for a in order]
    for index, plane in enumerate(array.transpose(order)):
        rows = plane.any(1)
        if rows.any():
            present[0][index] = True
            present[1] |= rows
            present[2] |= plane[rows].any(0)
    found = [slice(0, 0)] * 3
    for axis, marks in zip(order, present, strict=True):
        places = np.flatnonzero(marks)
        if len(places):
            found[axis] = slice(int(places[0]), int(places[-1]) + 1)
    return found[0], found[1], found[2]


def voxels_of(array: np.ndarray) -> np.ndarray:
    """(n, 3) where an array of three dimensions is not 0, ascending; quick where that is little of a large one."""
    box = bounding_box(array)
    marks = np.ascontiguousarray(array[box] != 0)
    at = np.unravel_index(np.flatnonzero(marks), marks.shape)  # many times quicker than along three axes at once
    return np.stack([places + span.start for places, span in zip(at, box, strict=True)], 1)


def _storage_order(array: np.ndarray) -> list[int]:
    """Axes from the farthest to the nearest neighbours in memory."""
    return sorted(range(3), key=lambda a: -abs(array.strides[a]))


def _forward(array: np.ndarray) -> np.ndarray:
    """Every axis in the direction of the memory."""
    return array[tuple(slice(None, None, -1 if stride < 0 else None) for stride in array.strides)]


def _are_lengths(spacing: Any) -> bool:
    try:
        values = np.asarray(spacing, float)
    except (TypeError, ValueError):
        return False
    return values.shape == (3,) and bool((np.isfinite(values) & (values > 0)).all())


def check_volumes(image: np.ndarray, painted: np.ndarray, spacing: tuple[float, ...]) -> None:
    """Refuse what cannot be propagated.

    Raises:
        InputError: wrong dimensions, grids, types, values or spacing.
    """
    if not isinstance(image, np.ndarray) or not isinstance(painted, np.ndarray):
        raise InputError(
            f"The image and the painted labels must be numpy arrays, not {type(image).__name__} and "
            f"{type(painted).__name__}: use numpy.asarray."
        )
    if image.ndim != 3:
        raise InputError(
            f"The image must have 3 dimensions (K, J, I) and one component, but its shape is {image.shape}."
        )
    if image.shape != painted.shape:
        raise InputError(f"The painted labels have the shape {painted.shape}, but the image has {image.shape}.")
    if not image.size:
        raise InputError(f"The image is empty, its shape is {image.shape}.")
    if sum(n > 1 for n in image.shape) < 3:
        raise InputError(f"The image has one slice only (shape {image.shape}): there is nothing to propagate to.")
    if image.dtype.kind not in "iufb" or painted.dtype.kind not in "iub":
        raise InputError(
            f"The image must hold real numbers and the painted labels integers, not {image.dtype} and {painted.dtype}."
        )
    if painted.dtype.kind == "i" and painted.size and painted.min() < 0:
        raise InputError(f"Painted labels must be 0 or more, but the smallest is {painted.min()}.")
    if not _are_lengths(spacing):
        raise InputError(f"The spacing must be three positive lengths in mm (sk, sj, si), but it is {spacing}.")
    low, high = image.min().item(), image.max().item()
    if not (math.isfinite(low) and math.isfinite(high)):
        raise InputError("The image holds values that are not numbers (NaN or infinite): replace them first.")
    if max(-low, high) > _LARGEST:
        raise InputError(f"The image holds values up to {max(-low, high):.3g}: scale them to below {_LARGEST:.0e}.")
    if low == high:
        raise InputError(f"The image is constant ({image.flat[0]}): there is nothing to tell structures apart by.")
