"""What an image or a label map must fulfil before anything is computed from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.images.volume import Volume


def check_all_finite(not_finite: int, path: Path, what: str) -> None:
    """Raises InputError if any voxels are NaN or infinite; `what` is "image" or "label map"."""
    if not_finite:
        raise InputError(
            f"The {what} {path} has {not_finite} voxels that are NaN or infinite, but every voxel must be a number; "
            "replace them (for instance by the background's value) and try again."
        )


def check_intensities(volume: Volume) -> None:
    """Raises InputError for NaN or infinite voxels, and for an image that has one value everywhere."""
    array, name = volume.array, volume.path
    if array.dtype.kind == "f":
        check_all_finite(int(array.size - np.count_nonzero(np.isfinite(array))), name, "image")
    lowest = array.min()
    if lowest == array.max():
        raise InputError(
            f"The image {name} has the same value {lowest} in every voxel, so there is nothing to follow from slice "
            "to slice; check that the right image was given."
        )


def check_several_slices(volume: Volume) -> None:
    """Raises InputError for a volume that is one voxel thin along some axis."""
    if min(volume.array.shape) < 2:
        raise InputError(
            f"The image {volume.path} has only one slice (size {volume.grid.size_text}), but a volume of at least 2 "
            "slices along every axis is needed; for a single 2D image use `patchicl segment`."
        )


def check_same_grid(image: Volume, labels: Volume) -> None:
    """Raises InputError that names both files and everything in which their grids differ."""
    differences = image.grid.differences(labels.grid)
    if differences:
        raise InputError(
            f"The image {image.path} and the label map {labels.path} are not on the same grid: "
            f"{'; '.join(differences)} (image first); save the label map with the image as its reference geometry, or "
            "resample it onto the image."
        )


def as_label_array(array: np.ndarray, path: Path) -> np.ndarray:
    """The array as whole numbers >= 0: integers as they are, floats that hold whole numbers as unsigned integers.

    Raises:
        InputError: negative values, fractions, NaN, or infinities.
    """
    if array.dtype.kind == "f":
        check_all_finite(int(array.size - np.count_nonzero(np.isfinite(array))), path, "label map")
        broken = array[array != np.rint(array)]
        if broken.size:
            raise InputError(
                f"The label map {path} has values that are not whole numbers, for instance {broken[0]:.4g}, but labels "
                "must be whole numbers with 0 as background; save the segmentation as an integer label map."
            )
    lowest = array.min()
    if lowest < 0:
        raise InputError(
            f"The label map {path} has negative values (the lowest is {lowest:.12g}), but labels must be 0 "
            "(background) or larger; check that it is a label map and not an image."
        )
    if array.dtype.kind == "f":
        largest = float(array.max())
        if largest > np.iinfo(np.uint32).max:
            raise InputError(
                f"The label map {path} has the value {largest:.12g}, but labels must be below 4294967296; check that "
                "it is a label map and not an image."
            )
        return array.astype(np.min_scalar_type(int(largest)))
    return array
