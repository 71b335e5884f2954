"""Reads one DICOM series, classic or multi-frame, and refuses planes that do not form a regular grid.

ITK lays planes on a regular grid whatever their positions say, and takes their type from the first; so every header is
looked at, and ITK reads only the numbers.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PatchICLLib.errors import InputError
from PatchICLLib.images.dicom_frames import Frame, frames_of, is_dicom
from PatchICLLib.images.grid import CORNER_TOLERANCE
from PatchICLLib.images.volume import Volume

# How exact positions must be. Scanners and anonymisers round them and let them tremble by a tenth of a millimetre.
_JITTER = 0.15  # millimetres
_JITTER_IN_GAPS = (0.05, 0.3)  # more is allowed for thick slices, less for thin ones
_REPEATED_IN_GAPS = 0.1
_COSINE_TOLERANCE = 5e-4
_RELATIVE_SPACING_TOLERANCE = 1e-3


def read_dicom_folder(folder: Path) -> Volume:
    """The folder's series as one volume, slices sorted by position.

    Raises:
        InputError: no series or several, a damaged file, or planes that do not form one volume.
    """
    series: dict[str, list[Frame]] = defaultdict(list)
    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    for path in files:
        for frame in frames_of(path) if is_dicom(path) else ():
            series[frame.series].append(frame)
    if not series:
        others = [path.name for path in files if path.name.endswith((".nii", ".nii.gz", ".nrrd", ".mha"))]
        hint = f"; to read {others[0]} in it, give the name of that file" if others else ""
        raise InputError(
            f"The folder {folder} holds no DICOM series; give the folder in which the slices' files lie{hint}."
        )
    if len(series) > 1:
        counts = ", ".join(f"{len({one.file for one in frames})} files in {uid}" for uid, frames in series.items())
        raise InputError(
            f"The folder {folder} holds {len(series)} DICOM series ({counts}), but one is needed; copy the files "
            "of the series to segment into a folder of their own."
        )
    (frames,) = series.values()
    return _volume(frames, folder, f"The DICOM series in {folder}")


def read_dicom_file(path: Path) -> Volume:
    """A single DICOM file: one plane, or the many of a multi-frame file.

    Raises:
        InputError: damaged, or planes that do not form one volume.
    """
    frames = frames_of(path)
    if not frames:
        raise InputError(f"The DICOM file {path} holds no image.")
    return _volume(frames, path, f"The DICOM file {path}")


def _volume(frames: list[Frame], path: Path, subject: str) -> Volume:
    for frame in frames:
        try:
            str(frame.file).encode("utf-8")
        except UnicodeEncodeError as error:
            raise InputError(f"{subject} has a file whose name is not written in UTF-8; rename it.") from error
    _check_alike(frames, subject)
    if len(frames) == 1:
        return Volume.of(_read_file(frames[0].file), path)
    axes = _axes(frames, subject)
    frames, gap = _in_order(frames, axes, subject)
    array, pixel_type = _pixels(frames, subject)
    assert frames[0].position is not None and frames[0].pixel_spacing is not None
    return Volume(
        array=array,
        spacing=(gap, *frames[0].pixel_spacing),
        origin=frames[0].position,
        direction=tuple(axes.ravel().tolist()),
        path=path,
        pixel_type=pixel_type,
    )


def _check_alike(frames: Sequence[Frame], subject: str) -> None:
    """Refuse planes that cannot belong to one volume."""
    if any(frame.samples != 1 for frame in frames):
        raise InputError(f"{subject} is in colour, but one number per voxel is needed.")
    files: dict[str, Path] = {}
    for frame in frames:
        if files.setdefault(frame.instance, frame.file) != frame.file and frame.instance:
            raise InputError(
                f"{subject} holds the same image twice, in {files[frame.instance].name} and {frame.file.name}; remove "
                "one of the two files."
            )
    _check_equal(frames, subject, "size", lambda frame: f"{frame.size[1]} x {frame.size[0]}")
    _check_equal(frames, subject, "photometric interpretation", lambda frame: frame.photometric)


def _check_equal(frames: Sequence[Frame], subject: str, what: str, of: Callable[[Frame], Hashable]) -> None:
    """Refuse planes that differ, with the names of the files that differ from most."""
    counts = Counter(of(frame) for frame in frames)
    if len(counts) > 1:
        usual = counts.most_common(1)[0][0]
        raise _differs(subject, what, [frame for frame in frames if of(frame) != usual], of, usual)


def _differs(
    subject: str, what: str, odd: Sequence[Frame], of: Callable[[Frame], Hashable], usual: Hashable
) -> InputError:
    names = list(dict.fromkeys(_name(frame) for frame in odd))
    listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return InputError(
        f"{subject} is no single volume: the {what} is {of(odd[0])} in {listed}, but {usual} in the others; copy the "
        "files of one volume (without localizers) into a folder of their own."
    )


def _name(frame: Frame) -> str:
    return frame.file.name if frame.index == 0 else f"{frame.file.name} (image {frame.index + 1})"


def _axes(frames: Sequence[Frame], subject: str) -> np.ndarray:
    """(3, 3) matrix whose columns are the directions of a row, of a column, and from slice to slice."""
    for name, of in (
        ("position (ImagePositionPatient)", lambda frame: frame.position),
        ("orientation (ImageOrientationPatient)", lambda frame: frame.orientation),
        ("voxel size (PixelSpacing)", lambda frame: frame.pixel_spacing),
    ):
        missing = [_name(frame) for frame in frames if of(frame) is None]
        if missing:
            raise InputError(
                f"{subject} does not say the {name} of all of its {len(frames)} images, for instance of {missing[0]} "
                "(a film, screenshots or secondary captures), so that they form no volume; export the original images."
            )
    orientations = np.array([frame.orientation for frame in frames])
    spacings = np.array([frame.pixel_spacing for frame in frames])
    for what, values, tolerance, of in (
        ("orientation", orientations, _COSINE_TOLERANCE, lambda frame: _text(frame.orientation)),
        (
            "voxel size",
            spacings,
            _RELATIVE_SPACING_TOLERANCE * float(np.abs(spacings).min()),
            lambda frame: _text(frame.pixel_spacing),
        ),
    ):
        usual = Counter(map(of, frames)).most_common(1)[0][0]
        reference = next(value for value, frame in zip(values, frames, strict=True) if of(frame) == usual)
        odd = np.flatnonzero(np.abs(values - reference).max(axis=1) > tolerance)
        if odd.size:
            raise _differs(subject, what, [frames[int(index)] for index in odd], of, usual)
    if not (spacings > 0).all():
        raise InputError(f"{subject} has pixels of {_text(frames[0].pixel_spacing)} mm, but they must be above 0.")
    row, column = orientations[0, :3], orientations[0, 3:]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if max(abs(lengths[0] - 1), abs(lengths[1] - 1), abs(row @ column)) > 1e-2:
        raise InputError(
            f"{subject} has rows and columns that are not perpendicular (ImageOrientationPatient "
            f"{_text(frames[0].orientation)}); export it again."
        )
    row = row / lengths[0]
    column = column - (column @ row) * row
    column = column / np.linalg.norm(column)
    return np.stack([row, column, np.cross(row, column)], axis=1)


def _text(numbers: Sequence[float] | None) -> str:
    return " ".join(f"{number:.4g}" for number in numbers or ())


def _in_order(frames: Sequence[Frame], axes: np.ndarray, subject: str) -> tuple[list[Frame], float]:
    """The planes sorted along the normal, and their distance; refused if they are not equally spaced."""
    positions = np.array([frame.position for frame in frames])
    order = np.argsort(positions @ axes[:, 2], kind="stable")
    frames = [frames[int(index)] for index in order]
    offsets = (positions[order] - positions[order[0]]) @ axes
    depths, sideways = offsets[:, 2], offsets[:, :2]
    gaps = np.diff(depths)
    typical = float(np.median(gaps))
    if typical < 1e-4 or gaps.min() < _REPEATED_IN_GAPS * typical:
        raise InputError(
            f"{subject} has several images at the same slice position (a time series, or several echoes), but a single "
            "volume is needed; copy the files of one volume into a folder of their own, or export one volume of it."
        )
    count = len(frames)
    numbers = np.arange(count)
    line = np.polyfit(numbers, depths, 1)
    allowed = min(max(_JITTER_IN_GAPS[0] * typical, _JITTER), _JITTER_IN_GAPS[1] * typical)
    if gaps.max() > 1.5 * typical or np.abs(depths - np.polyval(line, numbers)).max() > allowed:
        raise InputError(
            f"{subject} has slices {gaps.min():.3g} to {gaps.max():.3g} mm apart, but they must be equally spaced; a "
            "slice may be missing."
        )
    gap = float(depths[-1]) / (count - 1)
    assert frames[0].pixel_spacing is not None
    drift, start = np.polyfit(numbers, sideways, 1)
    shift = float(np.linalg.norm(drift)) * (count - 1)
    trembling = float(np.linalg.norm(sideways - start - np.outer(numbers, drift), axis=1).max())
    if shift > max(_JITTER, CORNER_TOLERANCE * min(gap, *frames[0].pixel_spacing)) or trembling > 2 * _JITTER:
        shift = float(np.linalg.norm(sideways, axis=1).max())
        raise InputError(
            f"{subject} is sheared: its slices shift sideways by up to {shift:.3g} mm (tilted gantry); resample it to "
            "a rectangular grid first, for instance by loading it in 3D Slicer."
        )
    return frames, gap


def _pixels(frames: Sequence[Frame], subject: str) -> tuple[np.ndarray, str]:
    """The voxels of planes in their order, and how they are stored, in words.

    Integers if the files hold such and all are scaled alike, else 32-bit real numbers.
    """
    of_files: dict[Path, list[Frame]] = defaultdict(list)
    for frame in frames:
        of_files[frame.file].append(frame)
    contents, types = {}, []
    for file, members in of_files.items():
        image = _read_file(file)
        if image.GetSize() != (*members[0].size[::-1], len(members)):
            raise InputError(f"{subject} has the damaged file {file.name}; export it again.")
        contents[file] = _scaled(sitk.GetArrayFromImage(image), members)
        types.append(image.GetPixelIDTypeAsString())
    planes = [contents[frame.file][frame.index] for frame in frames]
    scaled_apart = len({frame.scale for frame in frames}) > 1
    if scaled_apart or any(plane.dtype.kind == "f" for plane in planes):
        return np.stack(planes, dtype=np.float32, casting="unsafe"), "32-bit float"
    return np.stack(planes), types[0]


def _read_file(file: Path) -> sitk.Image:
    try:
        return sitk.ReadImage(str(file), imageIO="GDCMImageIO")
    except RuntimeError as error:
        raise InputError(f"The DICOM file {file} is damaged, or its kind of compression is not read.") from error


def _scaled(array: np.ndarray, frames: Sequence[Frame]) -> np.ndarray:
    """GDCM scales all planes of a file alike; those of a file that scales each differently are scaled here."""
    if len({frame.scale for frame in frames}) == 1:
        return array
    import pydicom

    file = frames[0].file
    dataset = pydicom.dcmread(file)
    if dataset.file_meta.TransferSyntaxUID.is_compressed:
        raise InputError(
            f"The DICOM file {file} is compressed and scales each of its images differently (RescaleSlope), which is "
            "not read; decompress it first, for instance with `gdcmconv --raw`."
        )
    slopes, intercepts = np.array([frame.scale for frame in sorted(frames, key=lambda one: one.index)]).T
    scaled: np.ndarray = dataset.pixel_array * slopes[:, None, None] + intercepts[:, None, None]
    return scaled
