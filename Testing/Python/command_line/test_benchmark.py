"""`patchicl benchmark` and `patchicl overfit`: options, tables, files, exit codes."""

from __future__ import annotations

import json

import pytest

from PatchICLLib.command_line.app import main


@pytest.mark.slow
def test_compute_prints_a_table_and_writes_records_and_a_figure(tmp_path, capsys):
    json_file, plot = tmp_path / "cost.json", tmp_path / "cost.png"
    arguments = ["--models", "universeg,sparse", "--resolutions", "128,64", "--context", "3"]
    code = main(["benchmark", "compute", *arguments, "--json", str(json_file), "--plot", str(plot), "--quiet"])
    assert code == 0
    records = json.loads(json_file.read_text(encoding="utf-8"))
    assert len(records) == 2 * 2 * 2
    assert {(r["model"], r["resolution"]) for r in records} == {
        (name, side) for name in ("universeg", "sparse") for side in (64, 128)
    }
    printed = capsys.readouterr().out
    assert "34.33" in printed
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["compute", "--models", "unet"], "some of universeg, paper, sparse"),
        (["compute", "--resolutions", "large"], "--resolutions must be whole numbers"),
        (["compute", "--context", "0"], "--context must be 1 or larger"),
        (["compute", "--json", "cost.txt"], ".json"),
        (["compute", "--plot", "cost.doc"], ".png"),
        (["speed", "--volumes", "512x300"], "COLUMNSxROWSxSLICES"),
        (["speed", "--volumes", "512x256x100"], "square"),
        (["speed", "--resolutions", "none", "--volumes", "none"], "anything to measure"),
        (["speed", "--device", "abacus"], "device"),
        (["savings", "--volume", "512x300"], "COLUMNSxROWSxSLICES"),
        (["savings", "--variants", "without-network"], "one-slice-at-a-time, context-anew"),
        (["savings", "--weights", "nobody-1"], "nobody-1"),
        (["savings", "--json", "savings.txt"], ".json"),
    ],
)
def test_bad_options_are_refused_with_a_sentence(arguments, said, capsys):
    assert main(["benchmark", *arguments, "--quiet"]) == 2
    assert said in capsys.readouterr().err


def test_compute_refuses_a_size_that_a_model_cannot_take(capsys):
    assert main(["benchmark", "compute", "--models", "paper", "--resolutions", "100", "--quiet"]) == 2
    assert "multiple of 8" in capsys.readouterr().err


@pytest.mark.slow
def test_savings_prints_a_table_and_writes_records(tmp_path, capsys):
    json_file = tmp_path / "savings.json"
    arguments = ["--volume", "32x32x21", "--variants", "context-anew", "--rounds", "1", "--threads", "1"]
    assert main(["benchmark", "savings", *arguments, "--json", str(json_file), "--quiet"]) == 0
    records = json.loads(json_file.read_text(encoding="utf-8"))
    assert [record["variant"] for record in records] == ["product", "context-anew"]
    printed = capsys.readouterr().out
    assert "32 x 32 x 21 with 3 painted slices, cpu, 1 thread" in printed
    assert "none" in printed and "1.0000" in printed and "1.00 x" in printed


@pytest.mark.slow
def test_overfit_says_whether_the_goal_was_reached(tmp_path, capsys):
    json_file = tmp_path / "course.json"
    arguments = ["overfit", "--preset", "sparse", "--tasks", "1", "--steps", "2", "--json", str(json_file), "--quiet"]
    assert main(arguments) == 1
    report = json.loads(json_file.read_text(encoding="utf-8"))
    assert report["reached"] is False
    assert report["steps"] == 2
    assert "not reached" in capsys.readouterr().out


def test_overfit_refuses_an_unknown_preset(capsys):
    assert main(["overfit", "--preset", "dense", "--quiet"]) == 2
    assert "sparse, paper, universeg" in capsys.readouterr().err
