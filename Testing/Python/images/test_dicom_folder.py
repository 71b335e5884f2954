"""DICOM folders: the series as a volume, slices sorted by position, and refusals that name the reason."""

from __future__ import annotations

import locale
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from PatchICLLib.errors import InputError
from PatchICLLib.images import read_scalar_image

TILT = np.array([[1.0, 0.0, 0.0], [0.0, 0.8, -0.6], [0.0, 0.6, 0.8]])
ARRAY = np.random.default_rng(1).integers(-900, 1500, (5, 7, 6)).astype(np.int16)


def write_series(
    folder: Path,
    array: np.ndarray = ARRAY,
    direction: np.ndarray = TILT,
    gap: float = 2.5,
    series: str = "1.2.826.0.1.3680043.2.1125.1.1",
    skip: tuple[int, ...] = (),
    shift: np.ndarray | None = None,
    repeat: int | None = None,
) -> None:
    """Write slices as DICOM files, in an order of names that is not the order of positions."""
    folder.mkdir(exist_ok=True)
    before = locale.setlocale(locale.LC_ALL)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for index, plane in enumerate(array):
        if index in skip:
            continue
        depth = index if index != repeat else index - 1
        position = np.array([-30.0, 12.0, 5.0]) + depth * gap * direction[:, 2]
        if shift is not None:
            position = position + index * shift
        image = sitk.GetImageFromArray(plane[None])
        image.SetSpacing((0.8, 0.9, gap))
        tags = {
            "0008|0016": "1.2.840.10008.5.1.4.1.1.4",
            "0008|0018": f"{series}.{index + 1}",
            "0008|0060": "MR",
            "0020|000d": "1.2.826.0.1.3680043.2.1125.1",
            "0020|000e": series,
            "0020|0013": str(index + 1),
            "0020|0032": "\\".join(f"{value:.6f}" for value in position),
            "0020|0037": "\\".join(f"{value:.6f}" for value in (*direction[:, 0], *direction[:, 1])),
            "0018|0050": str(gap),
        }
        for key, value in tags.items():
            image.SetMetaData(key, value)
        writer.SetFileName(str(folder / f"{series[-3:]}_{(index * 3) % len(array)}_{index}.dcm"))
        writer.Execute(image)
    locale.setlocale(locale.LC_ALL, before)  # GDCM gives the whole process another one when it writes


def sentence(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_scalar_image(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_oblique_series_is_one_volume(tmp_path: Path) -> None:
    write_series(tmp_path / "mr")
    volume = read_scalar_image(tmp_path / "mr")
    np.testing.assert_array_equal(volume.array, ARRAY)
    assert volume.spacing == pytest.approx((2.5, 0.9, 0.8))
    assert volume.origin == pytest.approx((-30.0, 12.0, 5.0))
    np.testing.assert_allclose(np.reshape(volume.direction, (3, 3)), TILT, atol=1e-6)


def test_empty_folder(tmp_path: Path) -> None:
    assert "holds no DICOM series" in sentence(tmp_path)


def test_two_series_are_listed(tmp_path: Path) -> None:
    write_series(tmp_path / "mr")
    write_series(tmp_path / "mr", series="1.2.826.0.1.3680043.2.1125.1.2", array=ARRAY[:3])
    message = sentence(tmp_path / "mr")
    assert "2 DICOM series" in message and "5 files in" in message and "3 files in" in message


def test_missing_slice(tmp_path: Path) -> None:
    write_series(tmp_path / "mr", skip=(2,))
    assert "2.5 to 5 mm apart" in sentence(tmp_path / "mr")


def test_two_files_at_one_position(tmp_path: Path) -> None:
    write_series(tmp_path / "mr", repeat=3)
    assert "same slice position" in sentence(tmp_path / "mr")


def test_tilted_gantry(tmp_path: Path) -> None:
    write_series(tmp_path / "mr", direction=np.eye(3), shift=np.array([0.0, 1.0, 0.0]))
    assert "sheared" in sentence(tmp_path / "mr")


def test_single_slice(tmp_path: Path) -> None:
    write_series(tmp_path / "mr", array=ARRAY[:1])
    assert "only one slice" in sentence(tmp_path / "mr")
