"""`patchicl propagate` around the engine: what it is given, what is written, and that nothing is written too early."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from PatchICLLib.command_line.app import main
from PatchICLLib.errors import InputError

from .conftest import run, save


def command(scan: Path, painted: Path, *options: str) -> list[str]:
    folder = scan.parent
    return [
        "propagate", str(scan), str(painted), str(folder / "labels.nrrd"),
        "--probability", str(folder / "probability.nii.gz"), "--entropy", str(folder / "entropy.mha"),
        "--selections", str(folder / "selections.json"), "--report", str(folder / "report.json"), *options,
    ]  # fmt: skip


def test_engine_is_given_the_arrays_and_options(scan: Path, painted: Path, engine) -> None:
    arguments = command(
        scan, painted, "--axis", "k", "--painted-slices", "0,5", "--labels", "1,3", "--extent", "1:4",
        "--context-size", "2", "--no-prior", "--seed", "9", "--patch-budget", "0.5", "--field-of-view", "2",
        "--region", "k=1:4,i=2:9", "--device", "cpu", "--weights", "some",
        "--preset", "sparse", "--ignore-slices", "3", "--use-all-slices",
    )  # fmt: skip
    assert run(*arguments) == 0
    np.testing.assert_array_equal(engine.image, sitk.GetArrayFromImage(sitk.ReadImage(str(scan))))
    assert engine.spacing == pytest.approx((2.5, 0.8, 0.7))
    assert engine.model == {"weights": "some", "device": "cpu", "preset": "sparse"}
    assert engine.options == {
        "axis": 0,
        "painted_slices": [0, 5],
        "ignore_slices": [3],
        "use_all_slices": True,
        "labels": [1, 3],
        "extent": (1, 4),
        "context_size": 2,
        "prior": False,
        "patch_budget": 0.5,
        "field_of_view": 2.0,
        "region": ((1, 4), (0, 2**31 - 1), (2, 9)),
        "candidates": 1,
        "seed": 9,
        "outputs": frozenset({"probability", "entropy", "selections"}),
    }


def test_defaults_leave_the_choice_to_the_engine(scan: Path, painted: Path, engine) -> None:
    assert run("propagate", scan, painted, scan.parent / "out.nii") == 0
    assert engine.model == {"weights": None, "device": "auto", "preset": None}
    assert engine.options == {
        "axis": None,
        "painted_slices": None,
        "ignore_slices": None,
        "use_all_slices": False,
        "labels": None,
        "most_labels": 64,
        "extent": "auto",
        "context_size": None,
        "prior": True,
        "patch_budget": 1.0,
        "field_of_view": None,
        "region": None,
        "candidates": 1,
        "seed": 0,
        "outputs": frozenset(),
    }
    assert sorted(os.listdir(scan.parent)) == ["out.nii", "painted.nii.gz", "scan.nii.gz"]


def test_outputs_lie_on_the_grid_of_the_image(scan: Path, painted: Path, painting: np.ndarray, engine) -> None:
    assert main(command(scan, painted)) == 0
    source = sitk.ReadImage(str(scan))
    expected = np.where(painting.any(axis=(1, 2))[:, None, None], painting, painting[1])
    for name, values, dtype in (
        ("labels.nrrd", expected, np.uint8),
        ("probability.nii.gz", (expected > 0) * 0.75, np.float32),
        ("entropy.mha", (expected > 0) * 0.5, np.float32),
    ):
        image = sitk.ReadImage(str(scan.parent / name))
        stored = sitk.GetArrayFromImage(image)
        np.testing.assert_array_equal(stored, values)
        assert stored.dtype == dtype
        np.testing.assert_allclose(image.GetOrigin(), source.GetOrigin(), atol=1e-5)
        np.testing.assert_allclose(image.GetSpacing(), source.GetSpacing(), rtol=1e-6)
        np.testing.assert_allclose(image.GetDirection(), source.GetDirection(), atol=1e-6)
    selections = json.loads((scan.parent / "selections.json").read_text(encoding="utf-8"))
    assert selections == {"axis": "k", "selections": [{"slice_index": 3, "label": 1, "levels": []}]}
    report = json.loads((scan.parent / "report.json").read_text(encoding="utf-8"))
    assert report["image"] == str(scan) and report["painted_slices"] == {"1": [1, 4], "3": [2]}


def test_summary_and_silence(scan: Path, painted: Path, engine, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(command(scan, painted)) == 0
    printed = capfd.readouterr().out
    assert "labels.nrrd" in printed and "label 1: painted on slices 1, 4 along k" in printed and "slice 3" in printed
    assert "On slice 4 [1] hardly anything is painted." in printed
    assert main(command(scan, painted, "--quiet")) == 0
    captured = capfd.readouterr()
    assert captured.out == "" and captured.err == ""


@pytest.mark.parametrize("error", [InputError("odd"), KeyboardInterrupt(), MemoryError()])
def test_nothing_is_written_when_the_engine_fails(scan: Path, painted: Path, engine, error: BaseException) -> None:
    def fail() -> None:
        assert sorted(os.listdir(scan.parent)) == ["painted.nii.gz", "scan.nii.gz"]
        raise error

    engine.during = fail
    assert main(command(scan, painted)) != 0
    assert sorted(os.listdir(scan.parent)) == ["painted.nii.gz", "scan.nii.gz"]


@pytest.mark.parametrize("broken", ["probability.nii.gz", "entropy.mha"])
def test_nothing_is_written_when_one_output_cannot_be_completed(
    scan: Path, painted: Path, engine, broken: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real_write = sitk.WriteImage

    def write(image: sitk.Image, path: str, *arguments: object, **options: object) -> None:
        if Path(path).stem == Path(broken).stem.removesuffix(".nii"):  # .nii.gz is compressed afterwards
            Path(path).write_bytes(b"half")
            raise RuntimeError("No space left on device")
        real_write(image, path, *arguments, **options)

    (scan.parent / "labels.nrrd").write_bytes(b"from before")
    monkeypatch.setattr(sitk, "WriteImage", write)
    assert main(command(scan, painted)) == 2
    assert broken in capsys.readouterr().err
    assert sorted(os.listdir(scan.parent)) == ["labels.nrrd", "painted.nii.gz", "scan.nii.gz"]
    assert (scan.parent / "labels.nrrd").read_bytes() == b"from before"


def test_labels_stored_as_real_numbers_become_integers(scan: Path, painted: Path, painting, engine) -> None:
    image = sitk.Cast(sitk.ReadImage(str(painted)), sitk.sitkFloat64)
    sitk.WriteImage(image, str(scan.parent / "real.nrrd"))
    assert run("propagate", scan, scan.parent / "real.nrrd", scan.parent / "out.nii") == 0
    stored = sitk.GetArrayFromImage(sitk.ReadImage(str(scan.parent / "out.nii")))
    assert stored.dtype == np.uint8
    np.testing.assert_array_equal(stored[[1, 2, 4]], painting[[1, 2, 4]])


def test_other_structures_reach_the_engine_and_the_report(
    scan: Path, painted: Path, painting: np.ndarray, engine, capfd: pytest.CaptureFixture[str]
) -> None:
    neighbor, organ = np.zeros((2, *painting.shape), np.uint8)
    neighbor[:, 6:9, 3:8], organ[:5, :, :15] = 7, 1
    files = [save(array, scan.parent / f"{name}.nii.gz") for name, array in (("neighbor", neighbor), ("organ", organ))]
    assert main(command(scan, painted, "--outside", str(files[0]), "--inside", str(files[1]))) == 0
    np.testing.assert_array_equal(engine.options["evidence"], np.where((neighbor > 0) | (organ == 0), 128, 0))
    assert engine.options["evidence"].dtype == np.uint8
    report = json.loads((scan.parent / "report.json").read_text(encoding="utf-8"))
    there = int((painting[:, 6:9, 3:8] > 0).sum())
    assert report["outside"] == {"file": "neighbor.nii.gz", "voxels": 90, "painted_voxels_there": there}
    assert report["inside"] == {"file": "organ.nii.gz", "voxels": 5 * 16 * 15, "painted_voxels_there": 0}
    sentence = f"{there} painted voxels lie inside neighbor.nii.gz (--outside) and stay."
    assert report["warnings"] == ["On slice 4 [1] hardly anything is painted.", sentence]
    assert sentence in capfd.readouterr().out


def test_check_knows_other_structures_too(
    scan: Path, painted: Path, painting: np.ndarray, capfd: pytest.CaptureFixture[str]
) -> None:
    organ = painting == 1
    organ[3] = True
    organ = save(organ.astype(np.uint8), scan.parent / "organ.nrrd")
    assert run("check", scan, painted, "--inside", organ, "--json", scan.parent / "c.json") == 0
    there = int((painting == 3).sum())
    assert f"{there} painted voxels lie outside organ.nrrd (--inside) and stay." in capfd.readouterr().out
    found = json.loads((scan.parent / "c.json").read_text(encoding="utf-8"))
    assert found["inside"]["painted_voxels_there"] == there
