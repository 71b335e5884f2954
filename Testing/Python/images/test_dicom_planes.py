"""DICOM planes that form a volume, and those that do not: the same for a series of files and a multi-frame file."""

import random
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from PatchICLLib.images import read_scalar_image

CT, MR_ENHANCED = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4.1"


@dataclass
class Plane:
    """What a plane's header says; None leaves the element out."""

    pixels: np.ndarray
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    spacing: tuple[float, float] | None = (0.9, 0.8)
    scale: tuple[float, float] = (1.0, 0.0)
    photometric: str = "MONOCHROME2"
    raw: dict[str, bytes] = field(default_factory=dict)  # elements whose bytes are written as they stand


def planes(count: int = 5, gap: float = 2.5, shape: tuple[int, int] = (7, 6)) -> list[Plane]:
    """A regular stack with different numbers in each plane."""
    rng = np.random.default_rng(3)
    return [Plane(rng.integers(0, 900, shape), (-30.0, 12.0, 5.0 + index * gap)) for index in range(count)]


def _dataset(sop_class: str, pixels: np.ndarray, photometric: str, series: str = "1.2.3.4.5") -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3.4", series
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, photometric
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    dataset.PixelData = pixels.astype("<u2").tobytes()
    return dataset


def write_series(folder: Path, stack: list[Plane], series: str = "1.2.3.4.5") -> Path:
    """A file a plane, in an order of names that is not the order of planes."""
    folder.mkdir(exist_ok=True)
    for index, plane in enumerate(stack):
        dataset = _dataset(CT, plane.pixels, plane.photometric, series)
        dataset.Modality = "CT"
        if plane.position is not None:
            dataset.ImagePositionPatient = list(plane.position)
        if plane.orientation is not None:
            dataset.ImageOrientationPatient = list(plane.orientation)
        if plane.spacing is not None:
            dataset.PixelSpacing = list(plane.spacing)
        dataset.RescaleSlope, dataset.RescaleIntercept = plane.scale
        for keyword, content in plane.raw.items():
            tag = pydicom.datadict.tag_for_keyword(keyword)
            assert tag is not None
            dataset[keyword] = pydicom.dataelem.RawDataElement(
                pydicom.tag.Tag(tag), "DS", len(content), content, 0, False, True
            )
        name = f"{(index * 3) % len(stack)}_{index}.dcm"
        dataset.save_as(folder / (name if series.endswith("5") else f"other_{name}"), enforce_file_format=True)
    return folder


def _group(name: str, **elements: object) -> Dataset:
    content = Dataset()
    for keyword, value in elements.items():
        setattr(content, keyword, value)
    group = Dataset()
    setattr(group, name, [content])
    return group


def write_multi_frame(path: Path, stack: list[Plane]) -> Path:
    """One enhanced file with all planes, in the order given."""
    dataset = _dataset(MR_ENHANCED, np.stack([plane.pixels for plane in stack]), stack[0].photometric)
    dataset.Modality = "MR"
    dataset.NumberOfFrames = len(stack)
    frames = []
    for plane in stack:
        slope, intercept = plane.scale
        frame = Dataset()
        frame.update(_group("PixelValueTransformationSequence", RescaleSlope=slope, RescaleIntercept=intercept))
        if plane.position is not None:
            frame.update(_group("PlanePositionSequence", ImagePositionPatient=list(plane.position)))
        if plane.orientation is not None:
            frame.update(_group("PlaneOrientationSequence", ImageOrientationPatient=list(plane.orientation)))
        if plane.spacing is not None:
            frame.update(_group("PixelMeasuresSequence", PixelSpacing=list(plane.spacing)))
        frames.append(frame)
    dataset.SharedFunctionalGroupsSequence = [Dataset()]
    dataset.PerFrameFunctionalGroupsSequence = frames
    dataset.save_as(path, enforce_file_format=True)
    return path


KINDS = ["series", "multi-frame"]


def write(kind: str, tmp_path: Path, stack: list) -> Path:
    if kind == "series":
        return write_series(tmp_path / "scan", stack)
    return write_multi_frame(tmp_path / "scan.dcm", stack)


def moved(plane, x: float = 0.0, y: float = 0.0, z: float = 0.0):
    return replace(plane, position=tuple(np.add(plane.position, (x, y, z))))


@pytest.mark.parametrize("kind", KINDS)
def test_planes_are_sorted_by_position(tmp_path: Path, kind: str) -> None:
    stack = planes()
    shuffled = random.Random(1).sample(stack, len(stack))
    volume = read_scalar_image(write(kind, tmp_path, shuffled))
    np.testing.assert_array_equal(volume.array, [plane.pixels for plane in stack])
    assert volume.spacing == pytest.approx((2.5, 0.9, 0.8))
    assert volume.origin == pytest.approx((-30.0, 12.0, 5.0))
    np.testing.assert_allclose(volume.direction, np.eye(3).ravel(), atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_oblique_planes(tmp_path: Path, kind: str) -> None:
    tilt = np.array([[1.0, 0.0, 0.0], [0.0, 0.8, -0.6], [0.0, 0.6, 0.8]])
    places = [tuple(np.array([-30.0, 12.0, 5.0]) + 2.5 * index * tilt[:, 2]) for index in range(5)]
    along = (*tilt[:, 0], *tilt[:, 1])
    stack = [replace(p, position=place, orientation=along) for p, place in zip(planes(), places, strict=True)]
    volume = read_scalar_image(write(kind, tmp_path, stack))
    np.testing.assert_array_equal(volume.array, [plane.pixels for plane in stack])
    assert volume.spacing == pytest.approx((2.5, 0.9, 0.8)) and volume.origin == pytest.approx(places[0])
    np.testing.assert_allclose(np.reshape(volume.direction, (3, 3)), tilt, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "scales",
    [
        [(1.0, 0.0)] * 4 + [(0.5, 0.0)],
        [(0.00031, 0.0), (0.0017, 0.0), (0.02, 0.0), (1.0, 0.0), (3.0, 0.5)],
        [(1.0, -1024.0), (1.0, 0.0), (1.0, 0.0), (1.0, 0.0), (1.0, 0.0)],
        [(0.25, -3.5)] * 5,
    ],
)
def test_numbers_are_scaled_slice_by_slice(tmp_path: Path, kind: str, scales: list[tuple[float, float]]) -> None:
    """As in PET, where each slice has a slope of its own."""
    stack = [replace(plane, scale=scale) for plane, scale in zip(planes(), scales, strict=True)]
    volume = read_scalar_image(write(kind, tmp_path, stack[::-1]))
    expected = [plane.pixels * plane.scale[0] + plane.scale[1] for plane in stack]
    assert volume.array.dtype == np.float32
    np.testing.assert_allclose(volume.array, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda s: [*s[:2], *s[3:]], "2.5 to 5 mm apart"),
        (lambda s: [moved(p, z=0.3 * i * i) for i, p in enumerate(s)], "must be equally spaced"),
        (lambda s: [p for p in s for _ in range(6)], "several images at the same slice position"),
        (lambda s: [*s, replace(s[2], pixels=s[2].pixels + 1)], "several images at the same slice position"),
        (lambda s: [moved(p, y=0.67 * i) for i, p in enumerate(s)], "is sheared: its slices shift sideways by up to"),
        (lambda s: [moved(p, x=0.1 * i) for i, p in enumerate(s)], "is sheared"),
        (lambda s: [*s[:2], moved(s[2], x=0.9), *s[3:]], "is sheared"),
        (lambda s: [replace(p, orientation=None) for p in s], "does not say the orientation"),
        (lambda s: [*s[:4], replace(s[4], position=None)], "does not say the position"),
        (lambda s: [replace(p, position=None) for p in s], "screenshots or secondary captures"),
        (lambda s: [replace(p, spacing=None) for p in s], "does not say the voxel size"),
        (lambda s: [replace(p, spacing=(0.0, 0.0)) for p in s], "pixels of 0 0 mm"),
        (lambda s: [*s[:4], replace(s[4], spacing=(0.9, 0.7))], "the voxel size is 0.9 0.7 in"),
        (lambda s: [*s[:4], replace(s[4], orientation=(1, 0, 0, 0, 0, 1))], "the orientation is 1 0 0 0 0 1 in"),
        (lambda s: [replace(p, orientation=(1, 0, 0, 0.6, 0.8, 0)) for p in s], "not perpendicular"),
    ],
)  # fmt: skip
def test_planes_that_form_no_volume(tmp_path: Path, kind: str, change, expected: str, sentence) -> None:
    message = sentence(write(kind, tmp_path, change(planes())))
    assert expected in message and str(tmp_path / "scan") in message


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda p: replace(p, photometric="MONOCHROME1"), "photometric interpretation is MONOCHROME1 in 2_4.dcm"),
        (lambda p: replace(p, pixels=np.ones((9, 4))), "the size is 4 x 9 in 2_4.dcm, but 6 x 7"),
        (lambda p: replace(p, raw={"ImagePositionPatient": b"1\\a\\3 "}), "2_4.dcm has a damaged ImagePosition"),
        (lambda p: replace(p, raw={"ImagePositionPatient": b"1\\2 "}), "2_4.dcm has a damaged ImagePosition"),
        (lambda p: replace(p, raw={"ImagePositionPatient": b"1\\2\\nan"}), "2_4.dcm has a damaged ImagePosition"),
        (lambda p: replace(p, raw={"ImagePositionPatient": b""}), "does not say the position"),
        (lambda p: replace(p, raw={"RescaleSlope": b"inf "}), "2_4.dcm has a damaged RescaleSlope"),
        (lambda p: replace(p, scale=(0.0, 3.0)), "2_4.dcm has a RescaleSlope of 0"),
    ],
)  # fmt: skip
def test_one_odd_file_is_named(tmp_path: Path, change, expected: str, sentence) -> None:
    stack = planes()
    stack[4] = change(stack[4])
    assert expected in sentence(write_series(tmp_path / "scan", stack))


def test_tilted_by_fifteen_degrees_in_one_file(tmp_path: Path, sentence) -> None:
    stack = [moved(plane, y=float(np.tan(np.radians(15))) * 2.5 * index) for index, plane in enumerate(planes())]
    assert "is sheared" in sentence(write_multi_frame(tmp_path / "scan.dcm", stack))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("gap", [0.5, 0.625, 1.0, 5.0])
def test_positions_that_tremble_are_no_missing_slice(tmp_path: Path, kind: str, gap: float) -> None:
    rng = np.random.default_rng(5)
    steady = planes(24, gap)
    stack = [moved(plane, *shift) for plane, shift in zip(steady, rng.uniform(-0.1, 0.1, (24, 3)), strict=True)]
    volume = read_scalar_image(write(kind, tmp_path, stack))
    np.testing.assert_array_equal(volume.array, [plane.pixels for plane in steady])
    assert volume.spacing[0] == pytest.approx(gap, abs=0.01)


@pytest.mark.parametrize("gap", [0.5, 0.625, 1.0, 5.0])
@pytest.mark.parametrize("gone", [1, 11, 22])
def test_a_missing_slice_among_those_that_tremble(tmp_path: Path, gap: float, gone: int, sentence) -> None:
    rng = np.random.default_rng(5)
    stack = [moved(plane, z=shift) for plane, shift in zip(planes(24, gap), rng.uniform(-0.1, 0.1, 24), strict=True)]
    del stack[gone]
    assert "a slice may be missing" in sentence(write_series(tmp_path / "scan", stack))


def test_the_same_file_twice(tmp_path: Path, sentence) -> None:
    folder = write_series(tmp_path / "scan", planes())
    (folder / "copy.dcm").write_bytes((folder / "0_0.dcm").read_bytes())
    assert "holds the same image twice, in 0_0.dcm and copy.dcm" in sentence(folder)


def test_other_files_in_the_folder_do_not_matter(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "scan", planes())
    (folder / "notes.txt").write_text("PatientPosition: HFS")
    (folder / "subfolder").mkdir()
    assert read_scalar_image(folder).array.shape == (5, 7, 6)


def test_two_series_are_listed(tmp_path: Path, sentence) -> None:
    write_series(tmp_path / "scan", planes())
    message = sentence(write_series(tmp_path / "scan", planes(3), "1.2.3.4.6"))
    assert "2 DICOM series" in message and "5 files in" in message and "3 files in" in message


def test_folders_without_a_volume(tmp_path: Path, sentence) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no DICOM series" in sentence(tmp_path / "empty")
    assert "only one slice" in sentence(write_series(tmp_path / "scan", planes(1)))


def test_a_folder_of_other_images_names_one(tmp_path: Path, sentence) -> None:
    (tmp_path / "scan.nii.gz").touch()
    assert "to read scan.nii.gz in it, give the name of that file" in sentence(tmp_path)


@pytest.mark.parametrize("cut", [30, 400])
def test_cut_file(tmp_path: Path, cut: int, sentence) -> None:
    folder = write_series(tmp_path / "scan", planes(shape=(32, 32)))
    file = folder / "0_0.dcm"
    file.write_bytes(file.read_bytes()[:-cut])
    assert "0_0.dcm" in sentence(folder)


def test_cut_header(tmp_path: Path, sentence) -> None:
    folder = write_series(tmp_path / "scan", planes())
    file = folder / "0_0.dcm"
    file.write_bytes(file.read_bytes()[:300])
    sentence(folder)
