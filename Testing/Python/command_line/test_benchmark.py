"""`patchicl benchmark` and `patchicl overfit`: options, tables, files, exit codes."""

import json

import pytest

from PatchICLLib.command_line import benchmark_run

from .conftest import run


@pytest.mark.slow
def test_compute_prints_a_table_and_writes_records_and_a_figure(tmp_path, capsys):
    json_file, plot = tmp_path / "cost.json", tmp_path / "cost.png"
    arguments = ["--models", "universeg,sparse", "--resolutions", "128,64", "--context", "3"]
    code = run("benchmark", "compute", *arguments, "--json", json_file, "--plot", plot, "--quiet")
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
        (["speed", "--volumes", "64x64x16:0"], "labels"),
        (["speed", "--peers", "unet"], "some of universeg, paper, sparse"),
        (["operators", "--labels", "0"], "--labels must be 1 or larger"),
        (["operators", "--batches", "gpu"], "card or cpu"),
        (["speed", "--device", "abacus"], "device"),
        (["savings", "--volume", "512x300"], "COLUMNSxROWSxSLICES"),
        (["savings", "--variants", "without-network"], "one-slice-at-a-time, context-anew"),
        (["savings", "--weights", "nobody-1"], "nobody-1"),
        (["savings", "--json", "savings.txt"], ".json"),
    ],
)
def test_bad_options_are_refused_with_a_sentence(arguments, said, capsys):
    assert run("benchmark", *arguments, "--quiet") == 2
    assert said in capsys.readouterr().err


def test_compute_refuses_a_size_that_a_model_cannot_take(capsys):
    assert run("benchmark", "compute", "--models", "paper", "--resolutions", "100", "--quiet") == 2
    assert "multiple of 8" in capsys.readouterr().err


def test_speed_prints_tables_and_writes_records_and_a_figure(tmp_path, capsys, monkeypatch):
    machine = {"resolution": 64, "device": "cpu", "threads": 1, "peak_mib": 500.0, "context": 3}
    timed = [
        {"model": "sparse", "scan": "64x64x16", "slices": 16, "labels": labels, "mode": mode, **machine}
        | {"seconds": 1.25, "first_slice_seconds": 0.5, "parts": {"hints": 0.75, "rest": 0.5}, "left_out": None}
        for labels, mode in ((1, "cold"), (1, "warm"), (3, "warm"))
    ]
    timed[2] |= {"seconds": None, "first_slice_seconds": None, "parts": None, "left_out": "stopped after 7 s"}
    slices = [
        {"model": model, "mode": "further", "seconds": seconds, **machine}
        for model, seconds in (("universeg", 2.0), ("paper", None), ("sparse", 0.1))
    ]
    monkeypatch.setattr(benchmark_run, "measure_propagations", lambda *a, **k: list(timed))
    monkeypatch.setattr(benchmark_run, "measure_slices", lambda *a, **k: list(slices))
    json_file, plot = tmp_path / "speed.json", tmp_path / "speed.png"
    arguments = ["--volumes", "64x64x16,64x64x16:3", "--json", str(json_file), "--plot", str(plot), "--quiet"]
    assert run("benchmark", "speed", *arguments) == 0
    extrapolated = slices[0] | {"mode": "extrapolated", "scan": "64x64x16", "slices": 16, "labels": 1, "seconds": 26.0}
    assert json.loads(json_file.read_text(encoding="utf-8")) == [*timed, *slices, extrapolated]
    printed = capsys.readouterr().out
    for said in ("3 structures", "CPU, 1 thread", "1.25", "0.750", "stopped after 7", "1/20", "left out", "26 s"):
        assert said in printed, said
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_operators_prints_a_table(tmp_path, capsys, monkeypatch):
    def counted(scan, batches, weights):
        assert scan.shape == (16, 64, 64) and batches == "cpu"
        return {
            "scan": scan.name,
            "labels": scan.labels,
            "operators": 1000 + scan.labels,
            "parts": {"hints/vote": 7777},
        }

    monkeypatch.setattr(benchmark_run, "count_operators", counted)
    json_file = tmp_path / "operators.json"
    arguments = ["--volume", "64x64x16", "--labels", "2,1", "--batches", "cpu", "--json", str(json_file), "--quiet"]
    assert run("benchmark", "operators", *arguments) == 0
    assert [record["labels"] for record in json.loads(json_file.read_text(encoding="utf-8"))] == [1, 2]
    printed = capsys.readouterr().out
    assert all(said in printed for said in ("64x64x16", "on the CPU", "1,001", "1,002", "7,777", "2 labels"))


@pytest.mark.slow
def test_savings_prints_a_table_and_writes_records(tmp_path, capsys):
    json_file = tmp_path / "savings.json"
    arguments = ["--volume", "32x32x21", "--variants", "context-anew", "--rounds", "1", "--threads", "1"]
    assert run("benchmark", "savings", *arguments, "--json", json_file, "--quiet") == 0
    records = json.loads(json_file.read_text(encoding="utf-8"))
    assert [record["variant"] for record in records] == ["product", "context-anew"]
    printed = capsys.readouterr().out
    assert "32 x 32 x 21 with 3 painted slices, cpu, 1 thread" in printed
    assert "none" in printed and "1.0000" in printed and "1.00 x" in printed


@pytest.mark.slow
def test_overfit_says_whether_the_goal_was_reached(tmp_path, capsys):
    json_file = tmp_path / "course.json"
    arguments = ["overfit", "--preset", "sparse", "--tasks", "1", "--steps", "2", "--json", str(json_file), "--quiet"]
    assert run(*arguments) == 1
    report = json.loads(json_file.read_text(encoding="utf-8"))
    assert report["reached"] is False
    assert report["steps"] == 2
    assert "not reached" in capsys.readouterr().out


def test_overfit_refuses_an_unknown_preset(capsys):
    assert run("overfit", "--preset", "dense", "--quiet") == 2
    assert "sparse, paper, universeg" in capsys.readouterr().err
