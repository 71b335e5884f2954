"""`patchicl evaluate` from options to files, on a tiny folder of cases."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from PatchICLLib.command_line.app import main
from PatchICLLib.command_line.evaluate_planes_run import planes_from_text
from PatchICLLib.errors import InputError

PEERS = ["--methods", "nearest,interpolation", "--quiet"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "boxes"
    folder.mkdir(parents=True)
    for name, first in (("a", 2), ("b", 4)):
        labels = np.zeros((16, 14, 14), np.uint8)
        labels[first : first + 10, 4:9, 4:9] = 1
        image = labels * 50.0 + np.random.default_rng(0).normal(size=labels.shape)
        sitk.WriteImage(sitk.GetImageFromArray(image.astype(np.float32)), str(folder / f"{name}_image.nii.gz"))
        sitk.WriteImage(sitk.GetImageFromArray(labels), str(folder / f"{name}_label.nii.gz"))
    return tmp_path / "data"


def test_table_json_and_figures(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output, summary = tmp_path / "out", tmp_path / "summary.json"
    code = main(
        ["evaluate", "propagation", str(data), "--k", "3", "--output", str(output), "--json", str(summary), *PEERS]
    )
    assert code == 0
    assert "span, k = 3: 2 structures" in capsys.readouterr().out
    (span, inset) = json.loads(summary.read_text(encoding="utf-8"))["settings"]
    assert (span["placement"], inset["placement"]) == ("span", "inset")
    assert span["methods"]["nearest"]["by_source"]["boxes"]["dice_within"] == 1.0
    assert {path.name for path in output.iterdir()} == {
        "results.jsonl",
        "dice_against_k.png",
        "dice_against_distance.png",
    }


@pytest.mark.parametrize("broken", ["b_image.nii.gz", "b_label.nii.gz"])
def test_a_broken_scan_does_not_stop_the_others(
    data: Path, tmp_path: Path, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file, output, summary = data / "boxes" / broken, tmp_path / "out", tmp_path / "summary.json"
    file.write_bytes(file.read_bytes()[:100])
    command = ["evaluate", "propagation", str(data), "--k", "3", "--output", str(output), "--json", str(summary)]
    assert main([*command, *PEERS]) == 0
    told = "1 case is missing, because it cannot be read:\n  boxes/b: The "
    printed = capsys.readouterr().out
    assert told in printed and "span, k = 3: 1 structures" in printed
    assert list(json.loads(summary.read_text(encoding="utf-8"))["missing"]) == ["boxes/b"]
    assert main(["evaluate", "report", str(output)]) == 0
    assert told in capsys.readouterr().out


def test_failures_are_drawn(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output, picture = tmp_path / "out", tmp_path / "failures.png"
    run = ["evaluate", "propagation", str(data), "--k", "3", "--protocol", "span", "--output", str(output), *PEERS]
    assert main(run) == 0
    arguments = ["evaluate", "failures", str(data), str(output), "--method", "nearest", "--quiet"]
    assert main([*arguments, "--output", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "boxes, a, label 1" in capsys.readouterr().out
    assert main([*arguments, "--output", str(tmp_path / "failures.txt")]) == 2
    capsys.readouterr()
    assert main([*arguments, "--output", str(picture), "--k", "5"]) == 2
    assert "hold nothing for these numbers of painted slices" in capsys.readouterr().err
    other = [argument if argument != "nearest" else "interpolation" for argument in arguments]
    assert main([*other, "--output", str(tmp_path / "none.png")]) == 0
    assert "is another method better than interpolation" in capsys.readouterr().out
    assert not (tmp_path / "none.png").exists()


def test_shards_are_reported_together(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["evaluate", "propagation", str(data), "--k", "3", "--protocol", "inset", "--output", str(tmp_path / "out")]
    codes = [main([*base, "--shard", f"{index}/2", *PEERS]) for index in (1, 2)]
    assert 0 in codes and set(codes) <= {0, 2}  # with two structures a shard may have none, and says so
    capsys.readouterr()
    assert main(["evaluate", "report", str(tmp_path / "out")]) == 0
    assert "inset, k = 3: 2 structures" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--protocol", "middle"], "no protocol middle: choose from span and inset"),
        (["--k", "0"], "numbers of painted slices from 1 on"),
        (["--k", "three"], "--k must be whole numbers"),
        (["--methods", "magic"], "no method magic"),
        (["--sources", "hearts"], "no source hearts"),
        (["--split", "test"], "--split must be all or development"),
        (["--split", "development"], "No case below"),
        (["--shard", "2"], "--shard must be I/N"),
        (["--shard", "3/2"], "i from 1 to n"),
        (["--axis", "z"], "--axis must be auto"),
        (["--weights", "nowhere.safetensors", "--methods", "patchicl"], "nowhere.safetensors"),
    ],
)
def test_bad_options_get_one_sentence_and_exit_code_2(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    output = tmp_path / "out"
    code = main(["evaluate", "propagation", str(data), "--output", str(output), *PEERS, *arguments])
    assert code == 2
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1
    assert not output.exists()


def test_a_report_of_an_empty_folder_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "report", str(tmp_path)]) == 2
    assert "no results" in capsys.readouterr().err


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch = pytest.importorskip("torch")
    from PatchICLLib.presets import build, preset
    from PatchICLLib.weights import save_weights

    torch.manual_seed(0)
    path = tmp_path / "untrained.safetensors"
    save_weights(build(preset("sparse").configuration()), path, "sparse", {})
    return path


@pytest.mark.slow
def test_the_product_is_evaluated_with_its_calibration(data: Path, weights: Path, tmp_path: Path) -> None:
    output, summary = tmp_path / "out", tmp_path / "summary.json"
    arguments = ["evaluate", "propagation", str(data), "--k", "3", "--protocol", "span", "--quiet"]
    arguments += ["--methods", "patchicl,nearest", "--weights", str(weights), "--device", "cpu"]
    assert main([*arguments, "--output", str(output), "--json", str(summary)]) == 0
    (entry,) = json.loads(summary.read_text(encoding="utf-8"))["settings"]
    assert entry["against_peers"]["best_peer"] == "nearest"
    calibration = entry["methods"]["patchicl"]["calibration"]
    assert sum(calibration["probability_bins"][0]) == sum(calibration["entropy_bins"][0]) > 0
    assert (output / "calibration.png").is_file()


@pytest.mark.slow
def test_next_slice_prints_what_the_suggestion_saves(
    data: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = tmp_path / "summary.json"
    arguments = ["evaluate", "next-slice", str(data), "--most", "3", "--weights", str(weights), "--device", "cpu"]
    assert main([*arguments, "--json", str(summary), "--quiet"]) == 0
    assert "Slices saved by the suggestion" in capsys.readouterr().out
    content = json.loads(summary.read_text(encoding="utf-8"))
    assert content["structures"] == 2 and len(content["sessions"]) == 4
    assert all(2 <= len(session["painted_slices"]) <= 3 for session in content["sessions"])


def test_calibration_is_fitted_stored_and_used(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import shutil

    from PatchICLLib import Propagator
    from PatchICLLib.model_card import write_calibration
    from PatchICLLib.weights import find_weights

    bundled, mine = find_weights(), tmp_path / "mine.safetensors"
    for suffix in (".safetensors", ".json"):
        shutil.copy(bundled.with_suffix(suffix), mine.with_suffix(suffix))
    card = json.loads(bundled.with_suffix(".json").read_text(encoding="utf-8"))
    write_calibration(mine, {"temperature": 3.0})
    image = sitk.GetArrayFromImage(sitk.ReadImage(str(data / "boxes" / "a_image.nii.gz")))
    painted = sitk.GetArrayFromImage(sitk.ReadImage(str(data / "boxes" / "a_label.nii.gz")))
    painted[[0, 1, 3, 4, 5, 7, 8, 9, 10, 12, 13, 14, 15]] = 0
    warm = Propagator.from_pretrained(mine, device="cpu").propagate(image, painted)

    summary, arguments = tmp_path / "summary.json", ["--split", "all", "--k", "2", "--quiet", "--store"]
    assert main(["evaluate", "calibration", str(data), "--weights", str(mine), "--json", str(summary), *arguments]) == 0
    assert "expected calibration error" in capsys.readouterr().out
    stored = json.loads(mine.with_suffix(".json").read_text(encoding="utf-8"))
    assert stored["calibration"] == json.loads(summary.read_text(encoding="utf-8"))
    assert stored["calibration"]["expected_calibration_error"] <= 1
    changed = {key for key in card if stored[key] != card[key]}
    assert stored.keys() == card.keys() and changed == {"calibration", "checksum"}
    fitted = Propagator.from_pretrained(mine, device="cpu").propagate(image, painted)
    np.testing.assert_array_equal(fitted.labels, warm.labels)
    assert warm.probability is not None and fitted.probability is not None
    free = (painted.max((1, 2)) == 0)[:, None, None] & (np.abs(warm.probability - 0.5) < 0.49)
    free &= (fitted.probability > 0) & (fitted.probability < 0.5)  # single precision keeps logits on that side
    assert free.any()
    ratio = stored["calibration"]["temperature"] / 3.0
    logits = [np.log(p / (1 - p)) for p in (r.probability[free].astype(float) for r in (warm, fitted))]
    np.testing.assert_allclose(logits[0], logits[1] * ratio, atol=1e-3)


def test_hard_cases_that_are_not_there_are_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "data" / "mri_brain_neuroparc"
    folder.mkdir(parents=True)
    labels = np.zeros((20, 24, 24), np.uint8)
    labels[3:17, 8:16, 8:16] = 83
    image = labels + np.random.default_rng(0).normal(size=labels.shape)
    sitk.WriteImage(sitk.GetImageFromArray(image.astype(np.float32)), str(folder / "mni_brain_1mm_dkt_image.nii.gz"))
    sitk.WriteImage(sitk.GetImageFromArray(labels), str(folder / "mni_brain_1mm_dkt_label.nii.gz"))
    summary = tmp_path / "summary.json"
    command = ["evaluate", "hard", str(tmp_path / "data"), "--output", str(tmp_path / "out"), "--json", str(summary)]
    assert main([*command, "--methods", "patchicl,nearest", "--quiet"]) == 0
    printed = capsys.readouterr().out
    assert "label 83" in printed and "cases are missing" in printed
    content = json.loads(summary.read_text(encoding="utf-8"))
    (case,) = content["cases"]
    assert case["painted_slices"] == [3, 6, 10, 13, 16] and set(case["methods"]) == {"patchicl", "nearest"}
    assert len(content["missing"]) > 10


def test_hard_cases_need_a_peer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "hard", str(tmp_path), "--methods", "patchicl", "--output", str(tmp_path / "out")]) == 2
    assert "at least one peer" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "3,", "3+", "a", "3 4", "3+1,-1"])
def test_planes_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="--planes must be numbers of planes"):
        planes_from_text(text)


def test_planes() -> None:
    assert list(map(str, planes_from_text("3, 4,3+1,1+1+1,4"))) == ["3", "4", "3+1", "1+1+1"]


@pytest.mark.slow
def test_candidates_are_judged_from_predictions_that_are_kept(
    data: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, summary = tmp_path / "kept", tmp_path / "summary.json"
    command = ["evaluate", "candidates", str(data), "--split", "all", "--k", "1", "--output", str(kept), "--quiet"]
    command += ["--weights", str(weights), "--device", "cpu", "--json", str(summary)]
    assert main(command) == 0
    assert "2 predictions" in capsys.readouterr().out
    files = {path.name: path.stat().st_mtime_ns for path in kept.iterdir()}
    assert len(files) == 2
    first = summary.read_text(encoding="utf-8")
    assert len(json.loads(first)["1.0"]["rows"]) == 2
    assert main(command) == 0
    assert {path.name: path.stat().st_mtime_ns for path in kept.iterdir()} == files
    assert summary.read_text(encoding="utf-8") == first
    next(kept.iterdir()).write_bytes(b"something else")
    capsys.readouterr()
    assert main(command) == 2
    assert "is no prediction that was kept" in capsys.readouterr().err
