"""DICOM Segmentation objects (PS3.3 A.51): read with pydicom, written with highdicom."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.images import Grid, Volume
from PatchICLLib.segmentations.placing import placed
from PatchICLLib.segmentations.segmentation import Segment, Segmentation, layered
from PatchICLLib.segmentations.source_images import SEG_CLASS, group_of, source_images
from PatchICLLib.segmentations.terminology import Code, Terminology
from PatchICLLib.version import __version__

ENDING = ".dcm"


def is_dicom_seg(path: Path) -> bool:
    """Whether a file is a DICOM Segmentation."""
    import pydicom

    if not path.is_file():
        return False
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID"])
    except (pydicom.errors.InvalidDicomError, OSError, ValueError, EOFError):
        return False
    return str(header.get("SOPClassUID", "")) == SEG_CLASS


def read_dicom_seg(path: Path, like: Volume) -> Segmentation:
    """Read a Segmentation onto the grid of an image.

    Args:
        path: of the file.
        like: the image, usually the series that the Segmentation refers to.

    Returns:
        Labels are 1 to n in the order of segment numbers.

    Raises:
        InputError: unreadable, of another series, or not on the image's voxels.
    """
    import pydicom

    try:
        seg = pydicom.dcmread(path)
        if seg.SegmentationType not in ("BINARY", "LABELMAP") and not _is_whole(seg):
            raise InputError(
                f"The DICOM segmentation {path} holds probabilities, not segments; save it as a binary segmentation."
            )
        _check_reference(seg, path, like)
        frames = _frames(seg)
        described = {int(item.SegmentNumber): item for item in seg.SegmentSequence}
        masks, segments = {}, []
        for label, number in enumerate(sorted(described), start=1):
            voxels = np.zeros(like.array.shape, bool)
            for grid, mask in _at_spacing_of(frames[number], like.grid):
                box, inside = placed(mask, grid, like.grid, f"segmentation {path}")
                voxels[box] |= inside
            masks[label] = placed(voxels, like.grid, like.grid, f"segmentation {path}")
            segments.append(_segment(label, described[number]))
    except (pydicom.errors.InvalidDicomError, OSError, ValueError, EOFError, AttributeError, KeyError, IndexError) as e:
        reason = " ".join(str(e).split()).rstrip(".") or type(e).__name__
        raise InputError(f"The DICOM segmentation {path} cannot be read ({reason}); export it again.") from e
    return Segmentation(layered(masks, like.array.shape), tuple(segments))


def write_dicom_seg(path: Path, segmentation: Segmentation, like: Volume) -> None:
    """Write a binary Segmentation that refers to the image's series.

    Args:
        path: of the file.
        segmentation: on the image's grid.
        like: the image, read from DICOM.

    Raises:
        InputError: the image is no DICOM series, or highdicom is missing.
        OSError: the file cannot be written.
    """
    highdicom = _highdicom()
    from pydicom.uid import generate_uid

    sources, indices = source_images(like)
    segments = segmentation.segments or tuple(
        Segment(int(label), f"Segment_{label}") for label in np.unique(segmentation.array) if label
    )
    planes = np.stack([segmentation.mask(segment.label)[indices] for segment in segments], axis=-1)
    version = __version__
    algorithm = highdicom.AlgorithmIdentificationSequence(
        name="PatchICL", version=version, family=Code("DCM", "123110", "Artificial Intelligence").coded()
    )
    descriptions = []
    for number, segment in enumerate(segments, start=1):
        terminology = Terminology.of_tag(segment.tags.get("TerminologyEntry", ""))
        description = highdicom.seg.SegmentDescription(
            segment_number=number,
            segment_label=segment.name[:64] or f"Segment_{number}",
            segmented_property_category=terminology.category.coded(),
            segmented_property_type=terminology.kind.coded(),
            algorithm_type="SEMIAUTOMATIC",
            algorithm_identification=algorithm,
            anatomic_regions=[terminology.region.coded()] if terminology.region else None,
            display_color=_lab(highdicom, segment),
        )
        _put_modifiers(highdicom, description, terminology)
        descriptions.append(description)
    seg = highdicom.seg.Segmentation(
        source_images=sources,
        pixel_array=planes.astype(np.uint8),
        segmentation_type="BINARY",
        segment_descriptions=descriptions,
        series_instance_uid=generate_uid(),
        series_number=300,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="PatchICL",
        manufacturer_model_name="PatchICL",
        software_versions=version,
        device_serial_number="0",
        series_description="PatchICL segmentation",
        omit_empty_frames=bool(planes.any()),
    )
    seg.save_as(path)


def check_can_write(like: Volume) -> None:
    """Raises InputError if no Segmentation can be written of an image: it is no DICOM, or highdicom is missing."""
    _highdicom()
    source_images(like)


def _highdicom() -> Any:
    try:
        import highdicom
    except ImportError as error:
        raise InputError(
            "Writing a DICOM segmentation needs highdicom, which is not installed: run `pip install patchicl[dicom]`."
        ) from error
    return highdicom


def _check_reference(seg: Any, path: Path, like: Volume) -> None:
    """Raises InputError if the Segmentation lies in another frame of reference than the image."""
    try:
        sources, _ = source_images(like)
    except InputError:
        return  # an image that is no DICOM says nothing; its voxels decide
    theirs, ours = (str(one.get("FrameOfReferenceUID", "")) for one in (seg, sources[0]))
    if theirs and ours and theirs != ours:
        raise InputError(
            f"The DICOM segmentation {path} was made on another scan than {like.path} (their frames of reference "
            "differ): give the series that it refers to as IMAGE."
        )


def _is_whole(seg: Any) -> bool:
    """Whether fractions are all none or one."""
    return bool(np.isin(seg.pixel_array, (0, int(seg.MaximumFractionalValue))).all())


def _frames(seg: Any) -> dict[int, list[tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """Of each segment its frames: mask (rows, columns), position, and (3, 2) steps to the next column and row."""
    pixels = seg.pixel_array
    pixels = pixels[None] if pixels.ndim == 2 else pixels
    shared = seg.SharedFunctionalGroupsSequence[0]
    numbers = [int(item.SegmentNumber) for item in seg.SegmentSequence]
    found: dict[int, list[Any]] = {number: [] for number in numbers}
    for plane, own in zip(pixels, seg.PerFrameFunctionalGroupsSequence, strict=True):
        orientation = group_of(own, shared, "PlaneOrientationSequence").ImageOrientationPatient
        rows, columns = (float(value) for value in group_of(own, shared, "PixelMeasuresSequence").PixelSpacing)
        position = np.array(group_of(own, shared, "PlanePositionSequence").ImagePositionPatient, float)
        cosines = np.array(orientation, float).reshape(2, 3)
        steps = np.stack([cosines[0] * columns, cosines[1] * rows], axis=1)
        if seg.SegmentationType == "LABELMAP":
            for number in numbers:
                found[number].append((plane == number, position, steps))
        else:
            number = int(group_of(own, shared, "SegmentIdentificationSequence").ReferencedSegmentNumber)
            found[number].append((plane > 0, position, steps))
    return found


def _at_spacing_of(
    frames: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]], image: Grid
) -> Iterable[tuple[Grid, np.ndarray]]:
    """Frames as volumes of one slice, as thick as the image's voxels in that direction."""
    for mask, position, steps in frames:
        normal = np.cross(steps[:, 0], steps[:, 1])
        normal /= np.linalg.norm(normal)
        across = image.steps[:, np.abs(normal @ (image.steps / np.linalg.norm(image.steps, axis=0))).argmax()]
        whole = np.column_stack([steps, normal * np.linalg.norm(across)])
        spacing = np.linalg.norm(whole, axis=0)
        yield (
            Grid(
                (1, *mask.shape),
                tuple(float(value) for value in spacing[::-1]),
                tuple(float(value) for value in position),
                tuple(float(value) for value in (whole / spacing).ravel()),
            ),
            mask[None],
        )


def _segment(label: int, item: Any) -> Segment:
    color = None
    if "RecommendedDisplayCIELabValue" in item:
        color = _rgb([int(value) for value in item.RecommendedDisplayCIELabValue])
    name = str(item.get("SegmentLabel", "")) or f"Segment_{label}"
    tag = Terminology.of_item(item).tag()
    return Segment(label, name, f"Segment_{label}", color, {"TerminologyEntry": tag})


def _put_modifiers(highdicom: Any, description: Any, terminology: Terminology) -> None:
    """Say left or right of a type and its region."""
    coded = highdicom.sr.CodedConcept.from_code
    if terminology.modifier:
        kind = description.SegmentedPropertyTypeCodeSequence[0]
        kind.SegmentedPropertyTypeModifierCodeSequence = [coded(terminology.modifier.coded())]
    if terminology.region and terminology.region_modifier:
        region = description.AnatomicRegionSequence[0]
        region.AnatomicRegionModifierSequence = [coded(terminology.region_modifier.coded())]


def _lab(highdicom: Any, segment: Segment) -> Any:
    if segment.color is None:
        return None
    return highdicom.color.CIELabColor.from_rgb(*(round(255 * part) for part in segment.color))


def _rgb(encoded: list[int]) -> tuple[float, float, float]:
    """sRGB of a CIELab value as DICOM encodes it in 16 bits (PS3.3 C.10.7.1.1), white point D65."""
    lightness = encoded[0] / 65535 * 100
    a, b = (value / 65535 * 255 - 128 for value in encoded[1:])
    fy = (lightness + 16) / 116
    bent = np.array([fy + a / 500, fy, fy - b / 200])
    xyz = np.where(bent > 6 / 29, bent**3, 3 * (6 / 29) ** 2 * (bent - 4 / 29)) * [0.95047, 1.0, 1.08883]
    linear = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]) @ xyz
    linear = linear.clip(0, 1)
    red, green, blue = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055).clip(0, 1)
    return float(red), float(green), float(blue)
