"""A volume seen along its slicing axis."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from PatchICLLib.errors import InputError


@dataclass(frozen=True)
class SlicedVolume:
    """Views with the slicing axis first; nothing is copied.

    Attributes:
        image: (Z, H, W) real numbers.
        painted: (Z, H, W) integers.
        step: distance of slices in mm.
        spacing: distance of rows and of columns in mm.
        axis: slicing axis in the volume's own order, 0 for k, 1 for j, 2 for i.
    """

    image: np.ndarray
    painted: np.ndarray
    step: float
    spacing: tuple[float, float]
    axis: int

    @classmethod
    def along(
        cls, axis: int, image: np.ndarray, painted: np.ndarray, spacing: tuple[float, float, float]
    ) -> SlicedVolume:
        rest = [s for a, s in enumerate(spacing) if a != axis]
        return cls(np.moveaxis(image, axis, 0), np.moveaxis(painted, axis, 0), spacing[axis], (rest[0], rest[1]), axis)

    @cached_property
    def fingerprint(self) -> bytes:
        """Hash of the intensities and the geometry, to recognise the volume in a later call."""
        digest = hashlib.blake2b(repr((self.image.shape, self.image.dtype.str, self.step, self.spacing)).encode())
        for plane in self.image:
            digest.update(np.ascontiguousarray(plane).data)
        return digest.digest()


def check_volumes(image: np.ndarray, painted: np.ndarray, spacing: tuple[float, ...]) -> None:
    """Refuse what cannot be propagated.

    Raises:
        InputError: wrong dimensions, grids, types, values or spacing.
    """
    if image.ndim != 3:
        raise InputError(
            f"The image must have 3 dimensions (K, J, I) and one component, but its shape is {image.shape}."
        )
    if image.shape != painted.shape:
        raise InputError(f"The painted labels have the shape {painted.shape}, but the image has {image.shape}.")
    if max(image.shape) > 0 and sum(n > 1 for n in image.shape) < 3:
        raise InputError(f"The image has one slice only (shape {image.shape}): there is nothing to propagate to.")
    if image.dtype.kind not in "iufb" or painted.dtype.kind not in "iub":
        raise InputError(
            f"The image must hold real numbers and the painted labels integers, not {image.dtype} and {painted.dtype}."
        )
    if painted.dtype.kind == "i" and painted.size and painted.min() < 0:
        raise InputError(f"Painted labels must be 0 or more, but the smallest is {painted.min()}.")
    if len(spacing) != 3 or not all(np.isfinite(s) and s > 0 for s in spacing):
        raise InputError(f"The spacing must be three positive lengths in mm (sk, sj, si), but it is {tuple(spacing)}.")
    if image.dtype.kind == "f" and not all(np.isfinite(plane).all() for plane in image):
        raise InputError("The image holds values that are not numbers (NaN or infinite): replace them first.")
    if image.size and image.min() == image.max():
        raise InputError(f"The image is constant ({image.flat[0]}): there is nothing to tell structures apart by.")
