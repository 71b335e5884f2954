"""In which formats a result can be stored without loss."""

from pathlib import Path

from PatchICLLib.outputs import Output, check_outputs

VOLUME_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")
PICTURE_SUFFIXES = (".png", ".tif", ".tiff")
REAL_PICTURE_SUFFIXES = (".tif", ".tiff")


def image_suffixes(dimension: int = 3, real_numbers: bool = False) -> tuple[str, ...]:
    """File name endings in which such an image can be stored without loss."""
    if dimension == 3:
        return VOLUME_SUFFIXES
    return (REAL_PICTURE_SUFFIXES if real_numbers else PICTURE_SUFFIXES) + VOLUME_SUFFIXES


def image_output(name: str, path: str | Path, dimension: int = 3, real_numbers: bool = False) -> Output:
    """An image that a command will write; `name` is what messages call it."""
    return Output(name, Path(path), image_suffixes(dimension, real_numbers))


def check_image_output(path: str | Path, dimension: int = 3, real_numbers: bool = False) -> None:
    """Raises InputError if the ending is unknown, or the file cannot be created or replaced."""
    check_outputs([image_output("The output", path, dimension, real_numbers)], {})
