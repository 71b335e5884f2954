"""Bad input of `patchicl propagate`, end to end: exit code 2, one sentence, nothing computed, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from .conftest import save as save_on_grid


@pytest.fixture(autouse=True)
def no_computation(engine) -> None:
    def fail() -> None:
        raise AssertionError("the engine was run")

    engine.during = fail


def save(array: np.ndarray, path: Path, is_vector: bool = False) -> Path:
    sitk.WriteImage(sitk.GetImageFromArray(array, isVector=is_vector), str(path))
    return path


def test_missing_image(tmp_path: Path, painted: Path, refused: Callable[..., str]) -> None:
    assert "no.nii does not exist" in refused("propagate", tmp_path / "no.nii", painted, tmp_path / "out.nii")


def test_missing_painting(tmp_path: Path, scan: Path, refused: Callable[..., str]) -> None:
    assert "no.nii does not exist" in refused("propagate", scan, tmp_path / "no.nii", tmp_path / "out.nii")


def test_unreadable_image(tmp_path: Path, painted: Path, refused: Callable[..., str]) -> None:
    (tmp_path / "odd.nrrd").write_text("NRRD0004\nnonsense")
    assert "cannot be read" in refused("propagate", tmp_path / "odd.nrrd", painted, tmp_path / "out.nii")


def test_folder_without_dicom(tmp_path: Path, painted: Path, refused: Callable[..., str]) -> None:
    (tmp_path / "empty").mkdir()
    assert "no DICOM series" in refused("propagate", tmp_path / "empty", painted, tmp_path / "out.nii")


def test_grids_that_differ(tmp_path: Path, scan: Path, painting: np.ndarray, refused: Callable[..., str]) -> None:
    other = save(painting, tmp_path / "other.nii.gz")  # same size, another place
    message = refused("propagate", scan, other, tmp_path / "out.nii")
    assert "scan.nii.gz" in message and "other.nii.gz" in message
    assert "spacing 0.7 x 0.8 x 2.5 mm and 1 x 1 x 1 mm" in message
    assert "origin" in message and "direction" in message and "size" not in message


@pytest.mark.parametrize(
    ("shape", "is_vector", "expected"),
    [((6, 8, 9, 3), True, "3 components"), ((2, 6, 8, 9), False, "4 dimensions"), ((8, 9), False, "2D")],
)
def test_image_of_another_kind(
    tmp_path: Path, painted: Path, refused: Callable[..., str], shape: tuple, is_vector: bool, expected: str
) -> None:
    image = save(np.arange(np.prod(shape)).reshape(shape).astype(np.uint8), tmp_path / "other.nrrd", is_vector)
    assert expected in refused("propagate", image, painted, tmp_path / "out.nii")


@pytest.mark.parametrize(("value", "dtype", "expected"), [(np.nan, np.float32, "NaN"), (3, np.int16, "same value 3")])
def test_image_with_nothing_to_see(
    tmp_path: Path, painted: Path, refused: Callable[..., str], value: float, dtype: type, expected: str
) -> None:
    image = save(np.full((6, 8, 9), value, dtype), tmp_path / "flat.nii.gz")
    assert expected in refused("propagate", image, painted, tmp_path / "out.nii")


def test_one_slice(tmp_path: Path, painted: Path, refused: Callable[..., str]) -> None:
    image = save(np.arange(72, dtype=np.int16).reshape(1, 8, 9), tmp_path / "thin.nii.gz")
    assert "only one slice" in refused("propagate", image, painted, tmp_path / "out.nii")


@pytest.mark.parametrize(("value", "expected"), [(-1.0, "negative"), (0.5, "not whole numbers")])
def test_labels_of_another_kind(tmp_path: Path, refused: Callable[..., str], value: float, expected: str) -> None:
    image = save(np.arange(432, dtype=np.int16).reshape(6, 8, 9), tmp_path / "image.nii.gz")
    labels = save(np.full((6, 8, 9), value, np.float32), tmp_path / "labels.nii.gz")
    assert expected in refused("propagate", image, labels, tmp_path / "out.nii")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--axis", "x"], "--axis must be"),
        (["--labels", "liver"], "no segment named liver"),
        (["--labels", "1,,3"], "--labels must be"),
        (["--labels", "0"], "background"),
        (["--painted-slices", "3;4"], "--painted-slices must be"),
        (["--extent", "9:3"], "--extent must be"),
        (["--context-size", "0"], "--context-size"),
        (["--report", "report.txt"], "unknown ending; use one of .json"),
        (["--selections", "nowhere/selections.json"], "does not exist; create it first"),
        (["--entropy", "entropy.png"], "unknown ending"),
    ],
)
def test_options(
    tmp_path: Path, scan: Path, painted: Path, refused: Callable[..., str], options: list[str], expected: str
) -> None:
    assert expected in refused("propagate", scan, painted, tmp_path / "out.nii", *options)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("nowhere/out.nii", "does not exist; create it first"),
        ("out.xyz", "unknown ending"),
        ("scan.nii.gz", "OUTPUT and IMAGE are the same file"),
        ("painted.nii.gz", "OUTPUT and PAINTED are the same file"),
        (".", "unknown ending"),
    ],
)
def test_output_names(
    tmp_path: Path, scan: Path, painted: Path, refused: Callable[..., str], output: str, expected: str
) -> None:
    assert expected in refused("propagate", scan, painted, tmp_path / output)


def test_output_folder_is_not_writable(
    tmp_path: Path, scan: Path, painted: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_options: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    assert "is not writable" in refused("propagate", scan, painted, tmp_path / "out.nii")


@pytest.mark.parametrize("option", ["--outside", "--inside"])
def test_other_structures(
    tmp_path: Path, scan: Path, painted: Path, painting: np.ndarray, refused: Callable[..., str], option: str
) -> None:
    """On another grid, without labels, missing, everywhere, or what is to be written."""

    def said(file: Path, output: str = "out.nii") -> str:
        return refused("propagate", scan, painted, tmp_path / output, option, file)

    message = said(save(painting, tmp_path / "elsewhere.nii.gz"))
    assert "elsewhere.nii.gz are not on the same grid" in message
    assert f"empty.nrrd given as {option} labels no voxel" in said(
        save_on_grid(np.zeros_like(painting), tmp_path / "empty.nrrd")
    )
    assert "no.nii does not exist" in said(tmp_path / "no.nii")
    full = np.ones_like(painting) if option == "--outside" else (painting > 0).astype(np.uint8)
    message = said(save_on_grid(full, tmp_path / "full.nrrd"))
    assert "Nothing is left to fill" in message and f"({option})" in message
    other = save_on_grid(painting, tmp_path / "other.nii.gz")
    assert f"OUTPUT and {option} are the same file" in said(other, "other.nii.gz")
