"""Paintings and segmentations as files of any kind: plain label maps, Slicer's `.seg.nrrd`, DICOM Segmentations."""

from pathlib import Path

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.images import Volume, check_can_hold_grid, read_label_map
from PatchICLLib.images.file_kind import check_readable_path
from PatchICLLib.images.output_paths import VOLUME_SUFFIXES
from PatchICLLib.images.writing import stage_image
from PatchICLLib.outputs import Output, StagedFiles, incomplete, write_errors
from PatchICLLib.segmentations import dicom_seg, slicer_file
from PatchICLLib.segmentations.segmentation import Segmentation

SUFFIXES = (slicer_file.ENDING, *VOLUME_SUFFIXES, dicom_seg.ENDING)


def read_segmentation(path: str | Path, like: Volume) -> Segmentation:
    """Read a painting onto the grid of an image. Nothing is resampled.

    Args:
        path: a label map, a `.seg.nrrd` file, or a DICOM Segmentation.
        like: the image.

    Returns:
        With names where the file has some. Labels of files with segments are 1 to n in their order.

    Raises:
        InputError: missing, unreadable, damaged, or not on the image's voxels.
    """
    path = Path(path)
    check_readable_path(path, "label map")
    if path.name.lower().endswith(slicer_file.ENDING):
        return slicer_file.read_slicer_file(path, like)
    if dicom_seg.is_dicom_seg(path):
        return dicom_seg.read_dicom_seg(path, like)
    return Segmentation(read_label_map(path, like=like).array)


def segmentation_output(name: str, path: str | Path, is_new: bool = False) -> Output:
    """A segmentation that a command will write; `name` is what messages call it, `is_new` as of `Output`."""
    return Output(name, Path(path), SUFFIXES, is_new=is_new)


def numbered_path(path: Path, number: int) -> Path:
    """`liver.2.nii.gz` of `liver.nii.gz`."""
    name = path.name.lower()
    ending = max((suffix for suffix in SUFFIXES if name.endswith(suffix)), key=len, default="")
    stem = path.name[: len(path.name) - len(ending)]
    return path.with_name(f"{stem}.{number}{path.name[len(stem) :]}")


def check_can_hold(image: Volume, segmentation: Segmentation, path: Path) -> None:
    """Raises InputError if what will be made of a painting cannot be stored in a file of that name."""
    name = path.name.lower()
    if name.endswith(dicom_seg.ENDING):
        dicom_seg.check_can_write(image)
        if image.path.is_dir() and path.absolute().parent.resolve() == image.path.resolve():
            raise InputError(
                f"The output {path} would lie among the files of the series, where programs take it for a part of the "
                "scan: choose another folder."
            )
    elif not name.endswith(slicer_file.ENDING):
        check_can_hold_grid(image, path)
        if segmentation.array.ndim == 4:
            raise InputError(
                f"Segments of the painting overlap, which the output {path} cannot hold: name one that ends in "
                f"{slicer_file.ENDING}, or choose segments that do not overlap with --labels."
            )


def stage_segmentation(files: StagedFiles, segmentation: Segmentation, image: Volume, path: str | Path) -> None:
    """Write a segmentation as one of several outputs that appear together.

    Raises:
        InputError: it cannot be written completely, or not in this format.
    """
    path = Path(path)
    name = path.name.lower()
    if name.endswith(slicer_file.ENDING):
        staged = files.path_for(path)
        with write_errors(path):
            slicer_file.write_slicer_file(staged, segmentation, image)
        _check_stored(slicer_file.read_slicer_file(staged, image), segmentation, path)
    elif name.endswith(dicom_seg.ENDING):
        staged = files.path_for(path)
        with write_errors(path):
            dicom_seg.write_dicom_seg(staged, segmentation, image)
        _check_stored(dicom_seg.read_dicom_seg(staged, image), segmentation, path)
    else:
        stage_image(files, segmentation.array, image, path)


def _check_stored(stored: Segmentation, meant: Segmentation, path: Path) -> None:
    """Raises InputError unless each label holds the voxels that it should."""
    labels = [segment.label for segment in meant.segments] or [int(v) for v in np.unique(meant.array) if v]
    for found, label in zip(stored.segments, labels, strict=True):
        if not np.array_equal(stored.mask(found.label), meant.mask(label)):
            raise incomplete(path)
