"""Writes arrays on the grid of the image they were computed from, completely or not at all."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PatchICLLib.errors import InputError
from PatchICLLib.images.grid import Grid
from PatchICLLib.images.native_messages import native_messages_held
from PatchICLLib.images.nifti_file import check_nifti_file
from PatchICLLib.images.output_paths import check_image_output
from PatchICLLib.images.volume import Volume
from PatchICLLib.outputs import StagedFiles, write_errors


def write_like(array: np.ndarray, volume: Volume, path: str | Path) -> None:
    """Write `array` with the geometry of `volume`; the format is decided by the name.

    The file appears when it is complete: on any failure, such as a full disk, nothing is left behind and a file of
    that name from before is untouched.

    Args:
        array: voxels, of the volume's shape; booleans are stored as 0 and 1.

    Raises:
        InputError: unknown ending, folder missing or not writable, disk full.
    """
    check_image_output(path, volume.array.ndim, array.dtype.kind == "f")
    with StagedFiles() as files:
        stage_image(files, array, volume, path)
        files.commit()


def stage_image(files: StagedFiles, array: np.ndarray, volume: Volume, path: str | Path) -> None:
    """Write `array` as one of several outputs that appear together (see `write_like`)."""
    if array.shape != volume.array.shape:
        raise ValueError(f"array of shape {array.shape} for a volume of shape {volume.array.shape}")
    path = Path(path)
    if array.dtype.kind == "b" or path.name.lower().endswith(".png"):
        array = _as_small_integers(array, path)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(tuple(reversed(volume.spacing)))
    image.SetOrigin(volume.origin)
    image.SetDirection(volume.direction)
    staged = files.path_for(path)
    with write_errors(path, RuntimeError, EOFError, zlib.error), native_messages_held():
        sitk.WriteImage(image, str(staged), useCompression=True)
        # header fields that ITK does not write belong here: what is in the file is read back below
        check_nifti_file(staged)
        stored = sitk.ReadImage(str(staged))
    _check_stored(stored, array, volume.grid, path)


def _check_stored(stored: sitk.Image, array: np.ndarray, meant: Grid, path: Path) -> None:
    """Compare what is in the file with what was to be written.

    Raises:
        InputError: the grid cannot be stored in this format, or the file is not complete.
    """
    found = Grid(
        tuple(reversed(stored.GetSize())),
        tuple(reversed(stored.GetSpacing())),
        stored.GetOrigin(),
        stored.GetDirection(),
    )
    differences = meant.differences(found)
    if differences:
        raise InputError(
            f"The output {path} cannot hold the image's grid: {'; '.join(differences)} (image first); nothing was "
            "changed there; use another format, such as .nrrd."
        )
    voxels = sitk.GetArrayViewFromImage(stored)
    if voxels.dtype != array.dtype or not np.array_equal(voxels, array):
        raise InputError(
            f"The output {path} could not be written completely (is the disk full?); nothing was changed there."
        )


def _as_small_integers(array: np.ndarray, path: Path) -> np.ndarray:
    """The smallest type for the values, for a PNG holds 8 or 16 bits."""
    largest = int(array.max())
    if path.name.lower().endswith(".png") and largest > np.iinfo(np.uint16).max:
        raise InputError(f"The output {path} cannot hold the label {largest}; a PNG holds labels up to 65535.")
    return array.astype(np.min_scalar_type(largest))
