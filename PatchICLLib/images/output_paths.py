"""Checks, before anything is computed, that a result can be written where the user wants it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from PatchICLLib.errors import InputError

VOLUME_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")
PICTURE_SUFFIXES = (".png", ".tif", ".tiff")
REAL_PICTURE_SUFFIXES = (".tif", ".tiff")


def image_suffixes(dimension: int = 3, real_numbers: bool = False) -> tuple[str, ...]:
    """File name endings in which such an image can be stored without loss."""
    if dimension == 3:
        return VOLUME_SUFFIXES
    return (REAL_PICTURE_SUFFIXES if real_numbers else PICTURE_SUFFIXES) + VOLUME_SUFFIXES


def check_image_output(path: str | Path, dimension: int = 3, real_numbers: bool = False) -> None:
    """Raises InputError if the ending is unknown, or the file cannot be created or replaced."""
    suffixes = image_suffixes(dimension, real_numbers)
    check_output_file(path, suffixes)


def check_output_file(path: str | Path, suffixes: tuple[str, ...] | None = None) -> None:
    """Raises InputError if the name does not end in one of `suffixes` or the file cannot be created or replaced.

    A folder is created beside the file and removed again: permissions alone do not tell (read-only mounts, quotas).
    """
    path = Path(path)
    if suffixes is not None and not path.name.lower().endswith(suffixes):
        known = ", ".join(suffixes)
        raise InputError(f"The output {path} has an unknown ending; use one of {known}.")
    if path.is_dir():
        raise InputError(f"The output {path} is a folder; give the name of a file.")
    if not path.parent.is_dir():
        raise InputError(f"The folder {path.parent} of the output {path.name} does not exist; create it first.")
    try:
        with tempfile.TemporaryDirectory(prefix=".patchicl-", dir=path.parent):
            pass
    except OSError as error:
        raise InputError(
            f"The folder {path.parent} of the output {path.name} is not writable ({error.strerror}); choose another "
            "folder or change its permissions."
        ) from error
