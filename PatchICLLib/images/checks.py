"""What an image or a label map must fulfil before anything is computed from it."""

from pathlib import Path

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.images.grid import CORNER_TOLERANCE
from PatchICLLib.images.volume import Volume

FARTHEST = 1e7  # millimetres that an origin may lie away; where stages of microscopes end, and precision with it
ONE_SLICE = (
    "for a single 2D image use `patchicl segment`; stack frames of one slice as a 3D image, a slice each, for "
    "`patchicl propagate`."
)
_SPACING_RANGE = (1e-6, 1e4)  # millimetres: from a nanometre, for microscopes, to more than any body


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
            f"slices along every axis is needed; {ONE_SLICE}"
        )


def check_grid(volume: Volume, what: str) -> None:
    """Raises InputError for voxel sizes that no scan has, or a place that is not made of numbers."""
    if volume.array.ndim == 2:
        return  # what picture formats store as spacing is the resolution of a print
    smallest, largest = _SPACING_RANGE
    if not all(smallest <= spacing <= largest for spacing in volume.spacing):
        text = " x ".join(f"{spacing:g}" for spacing in reversed(volume.spacing))
        raise InputError(
            f"The {what} {volume.path} has voxels of {text} mm, but every size must lie between {smallest:g} and "
            f"{largest:g} mm; its header is damaged, or it is no volume (a localizer, a photograph)."
        )
    if not np.isfinite([*volume.origin, *volume.direction]).all():
        raise InputError(f"The {what} {volume.path} does not say where it lies: its origin or direction is no number.")
    farthest = max(abs(value) for value in volume.origin)
    if farthest > FARTHEST:
        raise InputError(
            f"The {what} {volume.path} lies {farthest:g} mm away, farther than {FARTHEST:g} mm: its header is damaged."
        )


def check_nifti_placement(volume: Volume, what: str) -> None:
    """Raises InputError if ITK's grid is neither that of the file's sform nor that of its qform."""
    affines = [] if volume.nifti is None or volume.array.ndim != 3 else volume.nifti.affines()
    distances = [volume.grid.corner_distance(affine[:3, :3], affine[:3, 3]) for affine in affines]
    if distances and not min(distances) < CORNER_TOLERANCE:
        raise InputError(
            f"The {what} {volume.path} is sheared, or its header contradicts itself: its placement (sform or qform) "
            f"and a grid with right angles and its voxel size differ by {min(distances):.3g} voxels at the farthest "
            "corner; resample it to a rectangular grid first, for instance with Resample Scalar Volume in 3D Slicer."
        )


def check_can_hold_grid(volume: Volume, *outputs: str | Path | None) -> None:
    """Raises InputError if the format of an output cannot hold the volume's grid, so that it would lie elsewhere.

    Args:
        volume: what will be written like.
        outputs: names of image files; None for those that are not wanted.
    """
    if volume.nifti is not None or volume.array.ndim != 3:
        return
    shear = volume.grid.shear()
    path = next((one for one in outputs if one is not None and str(one).lower().endswith((".nii", ".nii.gz"))), None)
    if path is not None and shear >= CORNER_TOLERANCE:
        raise InputError(
            f"The image {volume.path} is sheared (by {shear:.3g} voxels at the farthest corner), which a NIfTI file "
            f"cannot hold; name the output {path} with the ending .nrrd instead."
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
