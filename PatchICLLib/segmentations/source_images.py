"""The DICOM images that a volume was read from, which a Segmentation of it refers to."""

from collections import defaultdict
from typing import Any

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.images import Grid, Volume

SEG_CLASS = "1.2.840.10008.5.1.4.1.1.66.4"  # of Segmentations, which are no sources
_POSITION_TOLERANCE = 0.1  # of the distance of slices


def source_images(like: Volume) -> tuple[list[Any], np.ndarray]:
    """The DICOM images that a volume was read from, without pixels of single-frame images, and their slices.

    Returns:
        Data sets, and the index along k of each of their frames, in their order.

    Raises:
        InputError: the volume was not read from DICOM, or its files are gone.
    """
    import pydicom

    files = [like.path] if like.path.is_file() else sorted(file for file in like.path.iterdir() if file.is_file())
    found = []
    for file in files:
        try:
            header = pydicom.dcmread(file, stop_before_pixels=True)
        except (pydicom.errors.InvalidDicomError, OSError, ValueError, EOFError):
            continue
        if "Rows" in header and str(header.get("SOPClassUID", "")) != SEG_CLASS:
            found.append(header)
    by_series: dict[str, list[Any]] = defaultdict(list)
    for header in found:
        by_series[str(header.get("SeriesInstanceUID", ""))].append(header)
    for series in by_series.values():
        positions = [position for header in series for position in _positions_of(header)]
        if len(positions) != like.array.shape[0]:
            continue
        indices = _slices_at(positions, like.grid)
        if indices is not None:
            order = np.argsort(indices) if len(series) > 1 else np.arange(len(indices))
            return [series[n] for n in order] if len(series) > 1 else series, indices[order]
    raise InputError(
        f"A DICOM segmentation refers to the images that it was made from, but {like.path} is no DICOM series: name an "
        "output such as .seg.nrrd or .nii.gz, or give the series' folder as IMAGE."
    )


def _positions_of(header: Any) -> list[np.ndarray]:
    """Position of each frame; nothing where the header says none."""
    if "PerFrameFunctionalGroupsSequence" in header:
        shared = header.SharedFunctionalGroupsSequence[0]
        groups = header.PerFrameFunctionalGroupsSequence
        return [
            np.array(group_of(own, shared, "PlanePositionSequence").ImagePositionPatient, float)
            for own in groups
            if "PlanePositionSequence" in own or "PlanePositionSequence" in shared
        ]
    return [np.array(header.ImagePositionPatient, float)] if "ImagePositionPatient" in header else []


def _slices_at(positions: list[np.ndarray], image: Grid) -> np.ndarray | None:
    """Index along k of each position; None if they are not the first voxels of the image's slices, one each."""
    places = np.linalg.solve(image.steps, np.array(positions).T - np.array(image.origin)[:, None])
    indices = np.rint(places[2]).astype(int)
    if np.abs(places - np.array([np.zeros_like(indices), np.zeros_like(indices), indices])).max() > _POSITION_TOLERANCE:
        return None
    return indices if sorted(indices) == list(range(image.shape[0])) else None


def group_of(own: Any, shared: Any, name: str) -> Any:
    """The item of a functional group of a frame, or of all frames."""
    return (own if name in own else shared)[name].value[0]
