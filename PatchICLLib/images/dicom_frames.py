"""Reads from DICOM headers what ITK does not tell of every image: where it lies and how its numbers are scaled."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from PatchICLLib.errors import InputError

if TYPE_CHECKING:
    from pydicom import Dataset

# functional groups of multi-frame images (DICOM PS3.3, C.7.6.16) that hold what a classic image has at its top
_GROUPS = {
    "ImagePositionPatient": ("PlanePositionSequence", "PlanePositionVolumeSequence"),
    "ImageOrientationPatient": ("PlaneOrientationSequence", "PlaneOrientationVolumeSequence"),
    "PixelSpacing": ("PixelMeasuresSequence",),
    "RescaleSlope": ("PixelValueTransformationSequence",),
    "RescaleIntercept": ("PixelValueTransformationSequence",),
}
_PREAMBLE = 128
# of files without the preamble: (0002,0000), (0008,0000), (0008,0005), (0008,0008), or (0008,0016)
_FIRST_ELEMENTS = (b"\2\0\0\0", b"\b\0\0\0", b"\b\0\5\0", b"\b\0\b\0", b"\b\0\x16\0")


@dataclass(frozen=True)
class Frame:
    """One plane of a DICOM file, which holds one or many.

    Attributes:
        file, index: the file, and which of its planes this is.
        instance, series: unique identifiers of the file's image and of its series.
        size: rows and columns.
        samples: numbers per pixel; more than one is colour.
        photometric: how numbers become grey, for instance MONOCHROME2.
        position: millimetres (LPS) of the centre of the first pixel; None if the header does not say.
        orientation: direction cosines of a row and of a column; None if the header does not say.
        pixel_spacing: millimetres between rows and between columns; None if the header does not say.
        scale: slope and intercept that turn stored numbers into values.
    """

    file: Path
    index: int
    instance: str
    series: str
    size: tuple[int, int]
    samples: int
    photometric: str
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    pixel_spacing: tuple[float, ...] | None
    scale: tuple[float, float]


def is_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM files do, with or without the preamble."""
    with path.open("rb") as stream:
        start = stream.read(_PREAMBLE + 4)
    return start[_PREAMBLE:] == b"DICM" or start[:4] in _FIRST_ELEMENTS


def frames_of(path: Path) -> list[Frame]:
    """All planes of a DICOM file, in the order in which it stores them; none if it holds no image.

    Raises:
        InputError: the header is damaged.
    """
    import pydicom  # only where files are read; Slicer, which has it as well, reads scans by itself

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True)
            return list(_frames(dataset, path))
        except InputError:
            raise
        except Exception as error:  # pydicom raises whatever a damaged header leads it to
            raise InputError(
                f"The DICOM file {path} cannot be read: its header is damaged; export it again."
            ) from error


def _frames(dataset: Dataset, path: Path) -> Iterator[Frame]:
    if "Rows" not in dataset or "Columns" not in dataset:
        kind = dataset.file_meta.get("MediaStorageSOPClassUID") or dataset.get("SOPClassUID")
        if kind is None or "Image Storage" in kind.name:
            raise ValueError("an image without a size")
        return  # a report, a directory, a presentation state
    count = int(dataset.get("NumberOfFrames") or 1)
    groups = dataset.get("PerFrameFunctionalGroupsSequence")
    if count < 1 or (groups is not None and len(groups) != count):
        raise InputError(
            f"The DICOM file {path} announces {count} images, but describes {len(groups or ())}; export it again."
        )
    offsets = _frame_offsets(dataset, count)
    shared = dataset.get("SharedFunctionalGroupsSequence") or [None]
    for index in range(count):
        places = (groups[index] if groups else None, shared[0])
        position = _numbers(dataset, places, "ImagePositionPatient", 3, path)
        orientation = _numbers(dataset, places, "ImageOrientationPatient", 6, path)
        if count > 1 and groups is None:  # one position, of the first plane
            known = offsets is not None and position is not None and orientation is not None
            position = _moved(position, orientation, offsets[index]) if known else None  # type: ignore[index,arg-type]
        slope = _numbers(dataset, places, "RescaleSlope", 1, path)
        intercept = _numbers(dataset, places, "RescaleIntercept", 1, path)
        if slope == (0.0,):
            raise InputError(
                f"The DICOM file {path} has a RescaleSlope of 0, which makes all voxels equal; export it again."
            )
        yield Frame(
            file=path,
            index=index,
            instance=str(dataset.get("SOPInstanceUID", "")),
            series=str(dataset.get("SeriesInstanceUID", "")),
            size=(int(dataset.Rows), int(dataset.Columns)),
            samples=int(dataset.get("SamplesPerPixel") or 1),
            photometric=str(dataset.get("PhotometricInterpretation", "")),
            position=position,
            orientation=orientation,
            pixel_spacing=_numbers(dataset, places, "PixelSpacing", 2, path),
            scale=((slope or (1.0,))[0], (intercept or (0.0,))[0]),
        )


def _frame_offsets(dataset: Dataset, count: int) -> list[float] | None:
    """How far each plane lies from the first along the normal, where the header says it for all at once.

    Radiotherapy doses list it (PS3.3, C.8.8.3); reconstructed nuclear medicine has one distance (C.8.4.15).
    """
    offsets = dataset.get("GridFrameOffsetVector")
    if offsets is not None and len(offsets) == count:
        return [float(one) - float(offsets[0]) for one in offsets]
    if dataset.get("Modality") == "NM" and dataset.get("NumberOfSlices") == count and "SpacingBetweenSlices" in dataset:
        return [index * float(dataset.SpacingBetweenSlices) for index in range(count)]
    return None


def _moved(position: tuple[float, ...], orientation: tuple[float, ...], offset: float) -> tuple[float, ...]:
    normal = np.cross(orientation[:3], orientation[3:])
    return tuple((np.array(position) + offset * normal).tolist())


def _numbers(
    dataset: Dataset, places: tuple[Any, ...], keyword: str, count: int, path: Path
) -> tuple[float, ...] | None:
    """The numbers of an element, from the frame's own group, the shared group, or the top; None if it is empty.

    Raises:
        InputError: other than `count` finite numbers.
    """
    holders = [group[name][0] for group in places if group is not None for name in _GROUPS[keyword] if name in group]
    detectors = dataset.get("DetectorInformationSequence") or []  # nuclear medicine
    for holder in (*holders, dataset, *detectors[:1]):
        if keyword not in holder:
            continue
        try:
            value = holder[keyword].value
            if value is None or value == "":
                continue
            found = tuple(float(one) for one in (value if count > 1 else [value]))
        except (ValueError, TypeError, ArithmeticError):
            found = ()
        if len(found) != count or not all(math.isfinite(one) for one in found):
            raise InputError(
                f"The DICOM file {path} has a damaged {keyword}, which must be {count} "
                f"number{'s' * (count > 1)}; export it again."
            )
        return found
    return None
