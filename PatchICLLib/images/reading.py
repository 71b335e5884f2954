"""Reads images and label maps: NIfTI, NRRD, MetaImage, DICOM folders, and 2D pictures."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import SimpleITK as sitk

from PatchICLLib.errors import InputError
from PatchICLLib.images.checks import (
    as_label_array,
    check_all_finite,
    check_intensities,
    check_same_grid,
    check_several_slices,
)
from PatchICLLib.images.dicom_series import read_dicom_folder
from PatchICLLib.images.native_messages import native_messages_held
from PatchICLLib.images.nifti_file import check_nifti_file
from PatchICLLib.images.volume import Volume


def read_scalar_image(path: str | Path) -> Volume:
    """Read a 3D scalar image, from a file or a DICOM folder, ready for propagation.

    Raises:
        InputError: missing or unreadable; 2D, 4D, or colour; one slice only; NaN or constant.
    """
    volume = read_slices(path)
    if volume.array.ndim != 3:
        raise InputError(
            f"The image {path} is 2D (size {volume.grid.size_text}), but a 3D volume is needed; for a single 2D image "
            "use `patchicl segment`."
        )
    check_several_slices(volume)
    return volume


def read_label_map(path: str | Path, like: Volume) -> Volume:
    """Read a label map that must lie on the grid of `like`.

    Returns:
        A Volume of an integer type. A label map that is stored as real numbers but holds whole ones is converted
        to the smallest unsigned type that holds them.

    Raises:
        InputError: missing or unreadable; colour or 4D; another grid; negative or fractional values.
    """
    labels = _read(path, "label map")
    check_same_grid(like, labels)
    return replace(labels, array=as_label_array(labels.array, labels.path))


def read_slices(path: str | Path) -> Volume:
    """Read a 2D picture or a 3D volume for slice-by-slice use; a picture's array is (J, I), a volume's (K, J, I).

    Raises:
        InputError: missing or unreadable; 4D or colour; NaN or constant.
    """
    volume = _read(path, "image")
    check_intensities(volume)
    return volume


def _read(path: str | Path, what: str) -> Volume:
    path = Path(path)
    if not path.exists():
        raise InputError(f"The {what} {path} does not exist; check the name and the folder.")
    try:
        with native_messages_held():
            image = read_dicom_folder(path) if path.is_dir() else _read_file(path, what)
    except (RuntimeError, OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"The {what} {path} cannot be read ({_reason(error)}); it must be an intact NIfTI, NRRD, or MetaImage "
            "file, a DICOM folder, or (for segment) a picture."
        ) from error
    return Volume(
        array=sitk.GetArrayFromImage(image),
        spacing=tuple(reversed(image.GetSpacing())),
        origin=image.GetOrigin(),
        direction=image.GetDirection(),
        path=path,
        pixel_type=image.GetPixelIDTypeAsString(),
    )


def _read_file(path: Path, what: str) -> sitk.Image:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    _check_header(reader, path, what)
    check_all_finite(check_nifti_file(path), path, what)
    image = reader.Execute()
    return image[:, :, :, 0] if image.GetDimension() == 4 else image


def _check_header(reader: sitk.ImageFileReader, path: Path, what: str) -> None:
    """Refuse the wrong number of dimensions or components before the voxels are read; a single time point passes."""
    size, components = reader.GetSize(), reader.GetNumberOfComponents()
    pixel_type = sitk.GetPixelIDValueAsString(reader.GetPixelID())
    if "complex" in pixel_type:
        raise InputError(f"The {what} {path} has complex numbers; save their magnitude as a real image first.")
    if components != 1:
        raise InputError(
            f"The {what} {path} has {components} components per voxel (colour, vectors, or layers), but one number "
            "per voxel is needed; convert it to a scalar (grey) image first."
        )
    if len(size) not in (2, 3) and not (len(size) == 4 and size[3] == 1):
        text = " x ".join(str(count) for count in size)
        raise InputError(
            f"The {what} {path} has {len(size)} dimensions (size {text}), but 3 are needed; save one volume of it, for "
            "instance one time point, as a file of its own."
        )


def _reason(error: BaseException) -> str:
    """The telling end of a SimpleITK message, on one line."""
    text = " ".join(str(error).split())
    if "Unable to determine ImageIO reader" in text:
        return "unknown or damaged kind of file"
    for marker in ("ITK ERROR: ", "itk::ERROR: ", "sitk::ERROR: "):
        text = text.rpartition(marker)[2]
    return text.rstrip(".") or type(error).__name__
