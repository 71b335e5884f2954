"""`patchicl propagate` with the real engine and the bundled weights, on a part of the embedded sample."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from PatchICLLib.demo.sample import load_sample

from .conftest import run

LABEL = 4


@pytest.fixture(scope="module")
def part() -> tuple[sitk.Image, sitk.Image]:
    """The thalami and what surrounds them: image and reference, tilted so that nothing depends on a straight grid."""
    sample = load_sample()
    box = (slice(18, 36), slice(64, 112), slice(46, 102))
    images = []
    for array in (sample.image.array[box], (sample.reference[box] == LABEL).astype(np.uint8) * LABEL):
        image = sitk.GetImageFromArray(np.ascontiguousarray(array))
        image.SetDirection((0.96, 0.0, 0.28, 0.0, -1.0, 0.0, 0.28, 0.0, -0.96))
        image.SetOrigin((11.0, -7.0, 3.0))
        images.append(image)
    return images[0], images[1]


@pytest.fixture
def files(tmp_path: Path, part: tuple[sitk.Image, sitk.Image]) -> Callable[..., list[Path]]:
    """Writes the image and a painting, an array or the reference on the slices that are given."""

    def write(painting: np.ndarray | tuple[int, ...]) -> list[Path]:
        image, reference = part
        if isinstance(painting, tuple):
            array = np.zeros_like(sitk.GetArrayFromImage(reference))
            array[list(painting)] = sitk.GetArrayFromImage(reference)[list(painting)]
            painting = array
        painted = sitk.GetImageFromArray(painting)
        painted.CopyInformation(image)
        sitk.WriteImage(image, str(tmp_path / "scan.nii.gz"))
        sitk.WriteImage(painted, str(tmp_path / "painted.nrrd"))
        return [tmp_path / "scan.nii.gz", tmp_path / "painted.nrrd", tmp_path / "out.nii.gz"]

    return write


@pytest.mark.slow
def test_all_outputs(files, part: tuple[sitk.Image, sitk.Image]) -> None:
    painted_on = (2, 9, 15)
    scan, painted, out = files(painted_on)
    folder = scan.parent
    options = [
        "--probability", str(folder / "p.nii.gz"), "--entropy", str(folder / "e.nii.gz"),
        "--selections", str(folder / "s.json"), "--report", str(folder / "r.json"), "--device", "cpu",
    ]  # fmt: skip
    assert run("propagate", scan, painted, out, *options) == 0

    result = sitk.ReadImage(str(out))
    labels, reference = sitk.GetArrayFromImage(result), sitk.GetArrayFromImage(part[1])
    assert labels.dtype == np.uint8 and set(np.unique(labels)) == {0, LABEL}
    np.testing.assert_array_equal(labels[list(painted_on)], reference[list(painted_on)])
    np.testing.assert_allclose(result.GetDirection(), part[0].GetDirection(), atol=1e-6)
    np.testing.assert_allclose(result.GetOrigin(), part[0].GetOrigin(), atol=1e-4)
    between = [index for index in range(2, 16) if index not in painted_on]
    found, truth = labels[between] > 0, reference[between] > 0
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.7

    probability, entropy = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(folder / name))) for name in ("p.nii.gz", "e.nii.gz")
    )
    for array in (probability, entropy):
        assert array.dtype == np.float32 and array.min() >= 0 and 0.5 < array.max() <= 1
    report = json.loads((folder / "r.json").read_text(encoding="utf-8"))
    assert report["axis"] == "k" and report["painted_slices"] == {str(LABEL): list(painted_on)}
    assert report["device"] == "cpu" and report["weights"]["sha256"]
    selections = json.loads((folder / "s.json").read_text(encoding="utf-8"))["selections"]
    assert {one["slice"] for one in selections} >= set(between)
    assert all(level["patches"] for one in selections for level in one["levels"])

    again = folder / "again.nii.gz"
    assert run("propagate", scan, painted, again, "--device", "cpu", "--quiet") == 0
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(again))), labels)


SHAPE = (18, 48, 56)


def test_nothing_painted(files, refused: Callable[..., str]) -> None:
    assert "Nothing is painted" in refused("propagate", *files(np.zeros(SHAPE, np.uint8)))


def test_everything_painted(files, refused: Callable[..., str]) -> None:
    paths = files(np.ones(SHAPE, np.uint8))
    assert "nothing left to propagate" in refused("propagate", *paths, "--axis", "k")
    refused("propagate", *paths)


def test_painting_on_no_plane_of_the_volume(files, refused: Callable[..., str]) -> None:
    k, j, i = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    sheet = (np.abs(k - 9 - 0.5 * (j - 24)) < 0.6) & (np.abs(i - 28) < 12) & (np.abs(j - 24) < 14)
    assert "do not lie on slices of the volume" in refused("propagate", *files(sheet.astype(np.uint8)))


@pytest.mark.parametrize(
    ("options", "expected", "is_checked"),
    [
        ("--labels 7", "Label 7 is not painted", True),
        ("--painted-slices 99", "Slice 99", True),
        ("--extent 3:99", "beyond the last slice", True),
        ("--device tpu", "device must be", False),
        ("--device cuda:77", "cuda", False),
        ("--weights nonsense", "no weights nonsense", False),
        ("--weights nowhere.safetensors", "nowhere.safetensors", False),
        ("--preset nonsense", "preset must be one of", False),
    ],
)
def test_options_that_only_the_engine_can_judge(
    files, refused: Callable[..., str], options: str, expected: str, is_checked: bool
) -> None:
    """What it says of the painting, `patchicl check` says in the same words."""
    for command in ("propagate", "check") if is_checked else ("propagate",):
        assert expected in refused(command, *files((2, 9, 15)), *options.split())


def test_damaged_weights(files, tmp_path: Path, refused: Callable[..., str]) -> None:
    from PatchICLLib.weights import find_weights

    bundled = find_weights()
    damaged = bytearray(bundled.read_bytes())
    damaged[-100] ^= 1
    (tmp_path / "mine.safetensors").write_bytes(damaged)
    (tmp_path / "mine.json").write_bytes(bundled.with_suffix(".json").read_bytes())
    message = refused("propagate", *files((2, 9, 15)), "--weights", tmp_path / "mine.safetensors")
    assert "is damaged" in message
