"""Writes arrays on the grid of the image they were computed from, completely or not at all."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PatchICLLib.errors import InputError
from PatchICLLib.images.checks import check_can_hold_grid
from PatchICLLib.images.grid import CORNER_TOLERANCE
from PatchICLLib.images.native_messages import native_messages_dropped
from PatchICLLib.images.nifti_geometry import NiftiGeometry, compress
from PatchICLLib.images.output_paths import check_image_output
from PatchICLLib.images.reading import read_volume
from PatchICLLib.images.volume import Volume
from PatchICLLib.outputs import StagedFiles, incomplete, write_errors


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
    check_can_hold_grid(volume, path)
    if array.dtype.kind == "b" or path.name.lower().endswith(".png"):
        array = _as_small_integers(array, path)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(tuple(reversed(volume.spacing)))
    image.SetOrigin(volume.origin)
    image.SetDirection(volume.direction)
    staged = files.path_for(path)
    with write_errors(path, RuntimeError, InputError):
        with native_messages_dropped():
            _write(image, staged, volume.nifti)
        stored = read_volume(staged, "output")
    _check_stored(stored, array, volume, path)


def _check_stored(stored: Volume, array: np.ndarray, meant: Volume, path: Path) -> None:
    """Compare what is in the file with what was to be written.

    Raises:
        InputError: the grid cannot be stored in this format, or the file is not complete.
    """
    moved = 0.0
    if array.ndim == 3 and stored.array.shape == array.shape:
        moved = meant.grid.corner_distance(stored.grid.steps, stored.origin)
    if moved >= CORNER_TOLERANCE:
        raise InputError(
            f"The output {path} cannot hold the image's grid, the farthest corner would lie off by {moved:.3g} voxels; "
            "nothing was changed there; use another format, such as .nrrd."
        )
    if stored.array.dtype != array.dtype or not np.array_equal(stored.array, array):
        raise incomplete(path)


def _write(image: sitk.Image, path: Path, nifti: NiftiGeometry | None) -> None:
    """Write a file; a NIfTI file says where it lies in the very words of the one that `nifti` is from."""
    if nifti is None or not path.name.lower().endswith((".nii", ".nii.gz")):
        sitk.WriteImage(image, str(path), useCompression=True)
        return
    plain = path.with_name(path.name[:-3]) if path.name.lower().endswith(".gz") else path
    sitk.WriteImage(image, str(plain))
    nifti.put_into(plain)
    if plain != path:
        compress(plain, path)


def _as_small_integers(array: np.ndarray, path: Path) -> np.ndarray:
    """The smallest type for the values, for a PNG holds 8 or 16 bits."""
    largest = int(array.max())
    if path.name.lower().endswith(".png") and largest > np.iinfo(np.uint16).max:
        raise InputError(f"The output {path} cannot hold the label {largest}; a PNG holds labels up to 65535.")
    return array.astype(np.min_scalar_type(largest))
