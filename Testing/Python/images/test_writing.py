"""Writing: geometry survives every format exactly, and a file appears complete or not at all."""

import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from PatchICLLib.errors import InputError
from PatchICLLib.images import Volume, check_image_output, read_scalar_image, write_like

ENDINGS = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")


def volume(shape: tuple[int, ...] = (3, 4, 5), **geometry: object) -> Volume:
    array = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    dimension = len(shape)
    defaults: dict = {
        "spacing": (1.0,) * dimension,
        "origin": (0.0,) * dimension,
        "direction": tuple(np.eye(dimension).ravel()),
    }
    return Volume(array=array, path=Path("scan"), pixel_type="", **{**defaults, **geometry})


spacings = st.tuples(*[st.floats(0.05, 12.0)] * 3)
origins = st.tuples(*[st.floats(-900.0, 900.0)] * 3)
rotations = st.tuples(*[st.floats(-180.0, 180.0)] * 3)
flips = st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3)
orders = st.permutations([0, 1, 2])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spacings, origins, rotations, flips, orders, st.sampled_from(ENDINGS))
def test_geometry_survives(tmp_path: Path, spacing, origin, angles, flip, order, ending: str) -> None:
    """Oblique, flipped, permuted, and anisotropic: voxels stay where they were, to 32 bits' accuracy."""
    direction = (Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ np.diag(flip))[:, order]
    source = volume(spacing=spacing, origin=origin, direction=tuple(direction.ravel()))
    path = tmp_path / f"out{ending}"
    write_like(source.array, source, path)
    image = sitk.ReadImage(str(path))
    corners = [(0, 0, 0), (4, 0, 0), (0, 3, 0), (0, 0, 2), (4, 3, 2)]
    expected = [np.array(origin) + direction @ (np.array(corner) * np.array(spacing)[::-1]) for corner in corners]
    found = [image.TransformContinuousIndexToPhysicalPoint([float(value) for value in corner]) for corner in corners]
    np.testing.assert_allclose(found, expected, atol=2e-4)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), source.array)
    assert not source.grid.differences(read_scalar_image(path).grid)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.bool_])
def test_values_and_types_survive(tmp_path: Path, ending: str, dtype: type) -> None:
    source = volume()
    array = (source.array % 2).astype(dtype)
    write_like(array, source, tmp_path / f"out{ending}")
    stored = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / f"out{ending}")))
    np.testing.assert_array_equal(stored, array)
    assert stored.dtype == (np.uint8 if dtype is np.bool_ else dtype)


def test_names_with_accents_and_spaces(tmp_path: Path) -> None:
    folder = tmp_path / "Étude n° 7 – Müller"
    folder.mkdir()
    source = volume()
    write_like(source.array, source, folder / "séries à venir.nii.gz")
    np.testing.assert_array_equal(read_scalar_image(folder / "séries à venir.nii.gz").array, source.array)


def test_png_of_labels(tmp_path: Path) -> None:
    source = volume((4, 6))
    write_like(source.array.astype(np.int64) * 1000, source, tmp_path / "mask.png")
    stored = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "mask.png")))
    np.testing.assert_array_equal(stored, source.array.astype(int) * 1000)
    with pytest.raises(InputError, match="65535"):
        write_like(source.array.astype(np.int64) * 9000, source, tmp_path / "large.png")
    assert os.listdir(tmp_path) == ["mask.png"]


@pytest.mark.parametrize("name", ["out.txt", "out", "out.png", "out.jpg", "out.dcm", ".gz"])
def test_unknown_ending(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="unknown ending; use one of .nii.gz, "):
        check_image_output(tmp_path / name)


def test_jpeg_would_change_labels(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown ending"):
        check_image_output(tmp_path / "mask.jpg", dimension=2)
    with pytest.raises(InputError, match="unknown ending"):
        check_image_output(tmp_path / "probability.png", dimension=2, real_numbers=True)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist; create it first"):
        check_image_output(tmp_path / "nowhere" / "out.nii.gz")


def test_output_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "out.nii.gz").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        check_image_output(tmp_path / "out.nii.gz")


def test_folder_is_not_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(InputError, match=r"is not writable \(Permission denied\)"):
        check_image_output(tmp_path / "out.nii.gz")


def test_checking_leaves_nothing_behind(tmp_path: Path) -> None:
    check_image_output(tmp_path / "out.nii.gz")
    assert os.listdir(tmp_path) == []
