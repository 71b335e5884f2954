"""The demo as a whole."""

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from PatchICLLib.baselines.nearest import nearest_slice
from PatchICLLib.command_line.app import main
from PatchICLLib.demo.job import run_demo, save_demo
from PatchICLLib.demo.result import METHODS, NEAREST, OURS
from PatchICLLib.demo.sample import Sample, load_sample
from PatchICLLib.errors import Cancelled, InputError
from PatchICLLib.images import Volume


@pytest.fixture(scope="module")
def sample() -> Sample:
    """Two balls on a sagittally stored grid."""
    k, j, i = np.ogrid[:14, :30, :26]
    reference = np.zeros((14, 30, 26), np.uint8)
    reference[((k - 6) * 2) ** 2 + (j - 10) ** 2 + (i - 8) ** 2 < 70] = 1
    reference[((k - 7) * 2) ** 2 + (j - 20) ** 2 + (i - 17) ** 2 < 60] = 2
    rng = np.random.default_rng(0)
    array = (reference * 60 + rng.normal(100, 10, reference.shape)).astype(np.int16)
    direction = (0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
    volume = Volume(array, (2.0, 1.0, 1.0), (0.0, 0.0, 0.0), direction, Path("scan"), "")
    return Sample(volume, reference, {1: "Ball", 2: "Other ball"}, {1: "#4db8ff", 2: "#ffb000"})


class NearestEngine:
    """Calls itself a propagator, copies the nearest painted slice, and says that it looked at the centre."""

    def propagate(self, image: np.ndarray, painted: np.ndarray, spacing: Any, **options: Any) -> Any:
        assert options["axis"] == 0 and image.shape == painted.shape
        labels = nearest_slice(painted, 0, spacing=spacing)
        level = SimpleNamespace(
            resolution=32, patches=(SimpleNamespace(corner=(5.0, 5.0), size=(8.0, 8.0), score=0.4, slice_index=5),)
        )
        selections = tuple(
            SimpleNamespace(slice_index=index, label=label, levels=(level,) * (1 + index % 2))
            for label in (1, 2)
            for index in range(4, 9)
        )
        slices = [{"index": index, "label": label, "uncertainty": 0.2} for label in (1, 2) for index in range(4, 9)]
        report = {"slices": slices, "device": "cpu", "weights": {"name": "none"}}
        entropy = (labels > 0).astype(np.float32) * 0.5
        return SimpleNamespace(labels=labels, entropy=entropy, selections=selections, report=report)


def test_scores_and_files(sample: Sample, tmp_path: Path) -> None:
    result = run_demo(sample, NearestEngine())  # type: ignore[arg-type]
    assert set(result.dice) == {1, 2} and all(set(scores) == set(METHODS) for scores in result.dice.values())
    for scores in result.dice.values():
        assert scores[OURS] == scores[NEAREST] < 1
    assert result.mean_dice(OURS) == pytest.approx(np.mean([scores[OURS] for scores in result.dice.values()]))
    save_demo(result, tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["painted.nii.gz", "propagation.png", "segmentation.nii.gz"]
    stored = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "segmentation.nii.gz")))
    np.testing.assert_array_equal(stored, result.propagation.labels)
    picture = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "propagation.png")))
    assert picture.shape[1] == 2400
    for color in ((77, 184, 255), (255, 176, 0)):
        assert (np.abs(picture[..., :3].astype(int) - color).max(axis=-1) < 8).sum() > 200


def test_cancelled_demo_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cancelled(*_arguments: object) -> None:
        raise Cancelled

    monkeypatch.setattr("PatchICLLib.command_line.demo_report.run_demo", cancelled)
    assert main(["demo", "--output", str(tmp_path / "demo"), "--json", str(tmp_path / "demo.json")]) == 130
    assert os.listdir(tmp_path) == []


def test_output_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "demo").touch()
    assert main(["demo", "--output", str(tmp_path / "demo")]) == 2
    assert "cannot be made" in capsys.readouterr().err


def test_full_disk_leaves_nothing(sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("No space left on device")

    result = run_demo(sample, NearestEngine())  # type: ignore[arg-type]
    monkeypatch.setattr(sitk, "WriteImage", fail)
    with pytest.raises(InputError, match="disk full"):
        save_demo(result, tmp_path)
    assert os.listdir(tmp_path) == []


def test_embedded_sample_has_named_and_coloured_structures() -> None:
    sample = load_sample()
    labels = set(np.unique(sample.reference)) - {0}
    assert len(labels) >= 3 and set(sample.names) == set(sample.colors) == labels
    assert sample.image.array.shape == sample.reference.shape


@pytest.mark.slow
def test_demo_beats_both_baselines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "demo"
    assert main(["demo", "--output", str(folder), "--device", "cpu", "--json", str(tmp_path / "demo.json")]) == 0
    printed = capsys.readouterr().out
    facts = json.loads((tmp_path / "demo.json").read_text(encoding="utf-8"))
    ours = facts["mean_dice"].pop(OURS)
    assert ours > max(facts["mean_dice"].values())
    assert f"{ours:.3f}" in printed and str(folder / "propagation.png") in printed
    assert sorted(os.listdir(folder)) == ["painted.nii.gz", "propagation.png", "segmentation.nii.gz"]
