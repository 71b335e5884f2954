"""Reading images and label maps: every kind of file, and a clear sentence for every kind of bad one."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from PatchICLLib.errors import InputError
from PatchICLLib.images import read_label_map, read_scalar_image
from PatchICLLib.images.reading import read_slices

RAMP = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)


def save(array: np.ndarray, path: Path, is_vector: bool = False, origin: tuple[float, ...] | None = None) -> Path:
    image = sitk.GetImageFromArray(array, isVector=is_vector)
    if origin is not None:
        image.SetOrigin(origin)
    sitk.WriteImage(image, str(path))
    return path


def sentence(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_scalar_image(path)
    return str(caught.value)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd"])
def test_reads_every_volume_format_in_array_order(tmp_path: Path, ending: str) -> None:
    image = sitk.GetImageFromArray(RAMP)
    image.SetSpacing((0.5, 0.75, 3.0))
    image.SetOrigin((-10.0, 20.0, 30.0))
    sitk.WriteImage(image, str(tmp_path / f"scan{ending}"))
    volume = read_scalar_image(tmp_path / f"scan{ending}")
    np.testing.assert_array_equal(volume.array, RAMP)
    assert volume.spacing == pytest.approx((3.0, 0.75, 0.5))
    assert volume.origin == pytest.approx((-10.0, 20.0, 30.0))
    assert volume.pixel_type == "16-bit signed integer"


def test_a_single_time_point_is_a_volume(tmp_path: Path) -> None:
    volume = read_scalar_image(save(RAMP[None], tmp_path / "one.mha"))
    np.testing.assert_array_equal(volume.array, RAMP)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha", "a.png", "a.txt"])
@pytest.mark.parametrize("content", [b"", b"this is no image at all"])
def test_unreadable_file(tmp_path: Path, name: str, content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_bytes(content)
    message = sentence(tmp_path / name)
    assert name in message and "cannot be read" in message and "\n" not in message
    assert capfd.readouterr().err == ""


def test_gzip_that_is_intact_around_a_truncated_nifti(tmp_path: Path) -> None:
    whole = save(RAMP, tmp_path / "whole.nii").read_bytes()
    (tmp_path / "cut.nii.gz").write_bytes(gzip.compress(whole[:-10]))
    assert "ends after" in sentence(tmp_path / "cut.nii.gz")


@pytest.mark.parametrize(
    ("array", "name", "expected"),
    [
        (np.zeros((4, 5, 6, 3), np.uint8), "rgb.nrrd", "3 components per voxel"),
        (np.stack([RAMP, RAMP]), "4d.nii.gz", "has 4 dimensions (size 6 x 5 x 4 x 2)"),
        (RAMP[0].astype(np.uint8), "flat.png", "is 2D (size 6 x 5)"),
        (np.full((4, 5, 6), 7, np.int16), "flat.nii", "same value 7 in every voxel"),
        (RAMP.astype(np.complex64), "k.nii", "complex"),
    ],
)
def test_no_scalar_volume(tmp_path: Path, array: np.ndarray, name: str, expected: str) -> None:
    path = save(array, tmp_path / name, is_vector=name == "rgb.nrrd")
    assert expected in sentence(path)
    if name == "rgb.nrrd":
        with pytest.raises(InputError, match="3 components"):
            read_slices(path)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_one_slice_volume(tmp_path: Path, axis: int) -> None:
    path = save(np.take(RAMP, [0], axis), tmp_path / "thin.mha")
    assert "has only one slice" in sentence(path)


@pytest.mark.parametrize("big_endian", [False, True])
def test_not_a_number_in_either_byte_order(tmp_path: Path, big_endian: bool) -> None:
    nibabel = pytest.importorskip("nibabel")
    image_class = nibabel.Nifti1Image
    header = image_class.header_class(endianness=">" if big_endian else "<")
    header.set_data_dtype(np.float32)
    array = RAMP.astype(np.float32)
    nibabel.save(image_class(array, np.eye(4), header), tmp_path / "whole.nii.gz")
    read_scalar_image(tmp_path / "whole.nii.gz")
    array[0, 0, 0] = array[3, 4, 5] = np.nan
    nibabel.save(image_class(array, np.eye(4), header), tmp_path / "hole.nii.gz")
    assert "has 2 voxels" in sentence(tmp_path / "hole.nii.gz")


# Label maps


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return save(RAMP, tmp_path / "scan.nii.gz")


def label_sentence(scan: Path, labels: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_label_map(labels, like=read_scalar_image(scan))
    return str(caught.value)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.int64])
def test_integer_labels_keep_their_type(tmp_path: Path, scan: Path, dtype: type) -> None:
    array = (RAMP % 3).astype(dtype)
    labels = read_label_map(save(array, tmp_path / "labels.nrrd"), like=read_scalar_image(scan))
    assert labels.array.dtype == dtype
    np.testing.assert_array_equal(labels.array, array)


@pytest.mark.parametrize(("largest", "expected"), [(2, np.uint8), (300, np.uint16), (70000, np.uint32)])
def test_whole_numbers_stored_as_real_are_accepted(tmp_path: Path, scan: Path, largest: int, expected: type) -> None:
    array = np.where(RAMP % 2, largest, 0).astype(np.float64)
    labels = read_label_map(save(array, tmp_path / "labels.mha"), like=read_scalar_image(scan))
    assert labels.array.dtype == expected
    np.testing.assert_array_equal(labels.array, array)


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd"])
@pytest.mark.parametrize(("value", "expected"), [(0.5, "not whole numbers"), (np.nan, "NaN"), (np.inf, "infinite")])
def test_fractions_are_refused(tmp_path: Path, scan: Path, value: float, expected: str, ending: str) -> None:
    array = np.zeros(RAMP.shape, np.float32)
    array[0, 0, 0] = value
    message = label_sentence(scan, save(array, tmp_path / f"labels{ending}"))
    assert f"labels{ending}" in message and expected in message


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_negative_labels_are_refused(tmp_path: Path, scan: Path, dtype: type) -> None:
    array = np.zeros(RAMP.shape, dtype)
    array[3, 1, 2] = -4
    assert "the lowest is -4" in label_sentence(scan, save(array, tmp_path / "labels.nii.gz"))


def test_other_size_names_both_files(tmp_path: Path, scan: Path) -> None:
    message = label_sentence(scan, save(np.ones((3, 5, 6), np.uint8), tmp_path / "labels.nii.gz"))
    assert "scan.nii.gz" in message and "labels.nii.gz" in message
    assert "size 6 x 5 x 4 and 6 x 5 x 3" in message and "\n" not in message


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda image: image.SetSpacing((1.0, 1.0, 1.5)), "spacing 1 x 1 x 1 mm and 1 x 1 x 1.5 mm"),
        (lambda image: image.SetOrigin((0.0, 0.0, 7.0)), "origin (0, 0, 0) and (0, 0, 7)"),
        (lambda image: image.SetDirection((0, 1, 0, 1, 0, 0, 0, 0, 1)), "direction [1 0 0 0 1 0 0 0 1] and"),
    ],
)
def test_other_geometry_is_spelled_out(tmp_path: Path, change, expected: str) -> None:
    scan = save(RAMP, tmp_path / "scan.nrrd")
    image = sitk.GetImageFromArray(np.ones(RAMP.shape, np.uint8))
    change(image)
    sitk.WriteImage(image, str(tmp_path / "labels.nrrd"))
    message = label_sentence(scan, tmp_path / "labels.nrrd")
    assert expected in message
    assert [word in message for word in ("spacing", "origin", "direction [")].count(True) == 1


def test_rounding_of_formats_is_no_difference(tmp_path: Path) -> None:
    """0.1 mm in 32 bits (NIfTI) is not 0.1 mm in 64 (NRRD)."""
    for name in ("scan.nii.gz", "labels.nrrd"):
        image = sitk.GetImageFromArray(RAMP.astype(np.uint8))
        image.SetSpacing((0.1, 0.7, 1.0 / 3))
        image.SetOrigin((-123.4567891, 0.1, 99.9))
        sitk.WriteImage(image, str(tmp_path / name))
    read_label_map(tmp_path / "labels.nrrd", like=read_scalar_image(tmp_path / "scan.nii.gz"))


# Pictures


@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif", ".nii.gz"])
def test_reads_grey_pictures(tmp_path: Path, ending: str) -> None:
    array = np.linspace(0, 255, 48).reshape(6, 8).astype(np.uint8)
    volume = read_slices(save(array, tmp_path / f"picture{ending}"))
    assert volume.array.shape == (6, 8) and len(volume.spacing) == 2
    assert np.abs(volume.array.astype(int) - array).max() <= (8 if ending == ".jpg" else 0)
