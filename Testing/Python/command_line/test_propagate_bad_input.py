"""Bad input of `patchicl propagate`, end to end: exit code 2, one sentence, nothing computed, nothing written."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from .conftest import save as save_on_grid
from .conftest import save_plain as save


@pytest.fixture(autouse=True)
def no_computation(engine) -> None:
    def fail() -> None:
        raise AssertionError("the engine was run")

    engine.during = fail


def test_files_of_another_kind(tmp_path: Path, scan: Path, painted: Path, refused: Callable[..., str]) -> None:
    (tmp_path / "odd.nrrd").write_text("NRRD0004\nnonsense")
    (tmp_path / "empty").mkdir()
    color = save(np.zeros((6, 8, 9, 3), np.uint8), tmp_path / "color.nrrd", is_vector=True)
    negative = save_on_grid(np.full((6, 16, 18), -1, np.int16), tmp_path / "negative.nii.gz")
    elsewhere = save(np.ones((6, 16, 18), np.uint8), tmp_path / "elsewhere.nii.gz")
    for image, painting, expected in (
        (tmp_path / "no.nii", painted, "no.nii does not exist"),
        (scan, tmp_path / "no.nii", "no.nii does not exist"),
        (tmp_path / "odd.nrrd", painted, "cannot be read"),
        (tmp_path / "empty", painted, "no DICOM series"),
        (color, painted, "3 components"),
        (scan, negative, "negative"),
        (scan, elsewhere, "spacing 0.7 x 0.8 x 2.5 mm and 1 x 1 x 1 mm"),
    ):
        assert expected in refused("propagate", image, painting, tmp_path / "out.nii")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("out.nii --axis x", "--axis must be"),
        ("out.nii --labels liver", "no segment named liver"),
        ("out.nii --labels 1,,3", "--labels must be values or names"),
        ("out.nii --labels 0", "background"),
        ("out.nii --painted-slices 3;4", "--painted-slices must be"),
        ("out.nii --extent 9:3", "--extent must be"),
        ("out.nii --report report.txt", "unknown ending; use one of .json"),
        ("out.nii --report nowhere/report.json", "does not exist; create it first"),
        ("out.nii --entropy entropy.png", "unknown ending"),
        ("nowhere/out.nii", "does not exist; create it first"),
        ("out.xyz", "unknown ending"),
        ("scan.nii.gz", "OUTPUT and IMAGE are the same file"),
        ("painted.nii.gz", "OUTPUT and PAINTED are the same file"),
        (".", "unknown ending"),
    ],
)
def test_outputs_and_options(
    tmp_path: Path, scan: Path, painted: Path, refused: Callable[..., str], arguments: str, expected: str
) -> None:
    """In the same words by `patchicl check`."""
    output, *options = arguments.split()
    said = [refused(command, scan, painted, tmp_path / output, *options) for command in ("propagate", "check")]
    assert expected in said[0] and said[0] == said[1]


def test_context_size(tmp_path: Path, scan: Path, painted: Path, refused: Callable[..., str]) -> None:
    assert "--context-size" in refused("propagate", scan, painted, tmp_path / "out.nii", "--context-size", "0")


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
