"""`patchicl train` on a miniature data folder: trains, stops, goes on, exports; and every way of refusing."""

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from PatchICLLib.command_line.app import main
from PatchICLLib.command_line.progress_display import ProgressDisplay
from PatchICLLib.training.checkpoint import Checkpoint
from PatchICLLib.weights import load_weights


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scans to learn from and one of the development split, each a bright ball."""
    folder = tmp_path_factory.mktemp("data") / "mri_hippocampus_msd"
    folder.mkdir()
    k, j, i = np.indices((20, 24, 22))
    for number in (1, 2, 10):
        label = ((k - 10) ** 2 + (j - 12) ** 2 + (i - 10 - number % 3) ** 2 < 64).astype(np.uint8)
        scan = (80 * label + np.random.default_rng(number).normal(100, 6, label.shape)).astype(np.int16)
        for name, array in (("image", scan), ("label", label)):
            sitk.WriteImage(sitk.GetImageFromArray(array), str(folder / f"hippocampus_{number:02}_{name}.nii.gz"))
    return folder.parent


@pytest.fixture(autouse=True)
def _no_default_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATCHICL_DATA", raising=False)


def arguments(data: Path, output: Path, *more: object, steps: int = 2) -> list[str]:
    fixed = ["train", "--data", data, "--output", output, "--recipe", "check", "--steps", steps]
    return [str(a) for a in (*fixed, "--workers", 0, "--device", "cpu", *more)]


@pytest.mark.slow
def test_trains_exports_and_tells(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output, weights, summary_file = tmp_path / "run", tmp_path / "mine.safetensors", tmp_path / "summary.json"
    assert main(arguments(data, output, "--export", weights, "--export-bits", 8, "--json", summary_file)) == 0
    printed = capsys.readouterr().out
    assert "Step 2 of 2" in printed and "Done." in printed
    assert "Dice on development cases" in printed
    assert (output / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert [p.name for p in sorted((output / "pictures").iterdir())] == ["step-000001.png", "step-000002.png"]
    summary = json.loads(summary_file.read_text(encoding="utf-8"))
    assert summary["complete"] and summary["step"] == 2
    assert summary["data"]["labelled"] == {"mri_hippocampus_msd": 2}
    assert summary["data"]["development"] == {"mri_hippocampus_msd": 1}
    assert summary["training"]["loss"] > 0
    pretrained = load_weights(weights)
    assert pretrained.preset == "sparse"
    assert (pretrained.card["steps"], pretrained.card["validation"]) == (2, summary["validation"])
    assert pretrained.card["bits"] == 8 and weights.stat().st_size < 2 * pretrained.card["parameters"]


@pytest.mark.slow
def test_goes_on_where_time_was_up_as_if_nothing_had_happened(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert main(arguments(data, whole, "--quiet")) == 0
    assert main(arguments(data, parts, "--max-minutes", 0)) == 0
    assert "the same command goes on from here" in capsys.readouterr().out.replace("\n", " ")
    assert Checkpoint.load(parts / "checkpoint.pt").step == 1
    assert main(arguments(data, parts, "--quiet")) == 0
    one, two = (Checkpoint.load(o / "checkpoint.pt") for o in (whole, parts))
    assert two.step == 2
    assert all(np.array_equal(one.model[name], two.model[name]) for name in one.model)

    # the length may grow, everything else must stay
    assert main(arguments(data, parts, "--quiet", steps=3)) == 0
    assert Checkpoint.load(parts / "checkpoint.pt").step == 3
    assert main(arguments(data, parts, "--seed", 9)) == 2
    assert "made with another recipe or seed (seed differ)" in capsys.readouterr().err
    assert Checkpoint.load(parts / "checkpoint.pt").step == 3
    assert main(arguments(data, parts, "--seed", 9, "--no-resume", "--quiet", steps=1)) == 0
    assert Checkpoint.load(parts / "checkpoint.pt").step == 1
    assert {json.loads(line)["step"] for line in (parts / "log.jsonl").read_text(encoding="utf-8").splitlines()} == {1}


@pytest.mark.slow
def test_runs_of_earlier_versions_go_on_only_if_nothing_is_missing(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "checkpoint.pt"
    assert main(arguments(data, tmp_path, "--quiet", steps=1)) == 0
    checkpoint = Checkpoint.load(file)
    del checkpoint.recipe["mixture"], checkpoint.recipe["plan"]["holding"]  # as recipes did not say yet
    checkpoint.save(file)
    assert main(arguments(data, tmp_path, "--quiet")) == 0
    checkpoint = Checkpoint.load(file)
    assert checkpoint.step == 2
    checkpoint.model = {name: x for name, x in checkpoint.model.items() if not name.endswith("other_subject")}
    checkpoint.save(file)
    stored = file.read_bytes()
    assert main(arguments(data, tmp_path, steps=3)) == 2
    assert "made by another version" in " ".join(capsys.readouterr().err.split())
    assert file.read_bytes() == stored


@pytest.mark.slow
def test_ctrl_c_stops_after_the_step_with_a_checkpoint(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    show = ProgressDisplay.show

    def interrupt(self: ProgressDisplay, stage: str, done: int, *rest: object) -> None:
        show(self, stage, done, *rest)
        if (stage, done) == ("Training", 1):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(ProgressDisplay, "show", interrupt)
    assert main(arguments(data, tmp_path, steps=5)) == 130
    assert capsys.readouterr().err.endswith(
        "patchicl: Stopped after step 1 of 5; the same command goes on from there.\n"
    )
    assert Checkpoint.load(tmp_path / "checkpoint.pt").step == 1


def test_the_data_folder_may_come_from_the_environment(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str]
) -> None:
    assert "--data or in the environment variable PATCHICL_DATA" in refused("train", "--output", tmp_path)
    monkeypatch.setenv("PATCHICL_DATA", str(tmp_path / "elsewhere"))
    assert "elsewhere does not exist" in refused("train", "--output", tmp_path)


def test_without_monai_it_says_what_to_install(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *_: None)
    assert "pip install patchicl[train]" in refused(*arguments(data, tmp_path))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--recipe", "secret"], "--recipe must be one of bundled, "),
        (["--device", "abacus"], "The device must be"),
        (["--export", "weights.pt"], "unknown ending; use one of .safetensors"),
        (["--export-bits", "4"], "stored in 32, 16, or 8 bits, not in 4"),
        (["--json", "missing/summary.json"], "does not exist; create it first"),
        (["--steps", "0"], "--steps"),
        (["--workers", "-1"], "--workers"),
    ],
)
def test_bad_options(data: Path, tmp_path: Path, more: list[str], sentence: str, refused: Callable[..., str]) -> None:
    assert sentence in refused(*arguments(data, tmp_path, *more))


def test_a_folder_without_data_is_told(tmp_path: Path, refused: Callable[..., str]) -> None:
    (tmp_path / "scans").mkdir()
    assert "nothing to learn from" in refused(*arguments(tmp_path, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--export", "out/m.safetensors", "--json", "out/m.json"], "--json and The model card of --export are the"),
        (
            ["--export", "out/many.safetensors", "--export-bits", "8"],
            "A further file of --export would replace .*many-00001-of-00002.safetensors, which was not written by",
        ),
        (["--export", "out/notes.safetensors"], "The model card of --export would replace .*which was not written by"),
        (["--start-from", "sparse-6", "--json", "{weights}/sparse-6.json"], "--json and a part of --start-from are"),
        (["--json", "{data}/mri_hippocampus_msd/names.json"], "--json would replace .*, a file of --data"),
    ],
)
def test_what_belongs_to_somebody_else_is_not_replaced(
    data: Path, repository: Path, tmp_path: Path, more: list[str], sentence: str, refused: Callable[..., str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.json").write_text('{"mine": true}')
    (tmp_path / "out" / "many-00001-of-00002.safetensors").write_text("of another program")
    (data / "mri_hippocampus_msd" / "names.json").write_text("{}")
    for mode in ([], ["--no-resume"]):
        filled = [text.format(data=data, weights=repository / "Resources" / "Weights") for text in more]
        filled = [str(tmp_path / text) if text.startswith("out/") else text for text in filled]
        assert re.search(sentence, refused(*arguments(data, tmp_path / "run", *filled, *mode)))
    assert not (tmp_path / "run").exists()


def test_no_resume_refused_keeps_what_was_there(data: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    checkpoint = Checkpoint(3, {}, {}, {}, torch.zeros(1), {"model": "other"})
    checkpoint.save(tmp_path / "checkpoint.pt")
    (tmp_path / "log.jsonl").write_text('{"step": 3}\n')
    assert "unknown ending" in refused(*arguments(data, tmp_path, "--no-resume", "--export", "weights.pt"))
    (tmp_path / "log.jsonl").write_text('{"patient": 3}\n')
    assert "no entry of a training's log" in refused(*arguments(data, tmp_path, "--no-resume"))


def test_a_damaged_checkpoint_is_told(data: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"rubbish")
    assert "no checkpoint of a training, or damaged: delete it" in refused(*arguments(data, tmp_path))


def test_an_output_that_is_a_file_is_told(data: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    (tmp_path / "run").touch()
    assert "cannot be made" in refused(*arguments(data, tmp_path / "run"))


def test_help_is_worth_reading(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    printed = capsys.readouterr().out
    for word in ("--max-minutes", "--no-resume", "PATCHICL_DATA", "checkpoint.pt", "Example"):
        assert word in printed
