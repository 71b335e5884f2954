"""`patchicl train` with several processes, on the paper's data sets, and after a kill."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from PatchICLLib.command_line.app import main
from PatchICLLib.training.checkpoint import Checkpoint

pytest.importorskip("monai", reason="needs monai: pip install patchicl[train]")


@pytest.fixture(autouse=True)
def _no_default_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATCHICL_DATA", raising=False)


def arguments(folder: Path, output: Path, *more: object, steps: int = 4) -> list[str]:
    fixed = ["train", "--dataset", f"medsegbench={folder}", "--output", output, "--recipe", "check", "--steps", steps]
    return [str(a) for a in (*fixed, "--context", 1, "--workers", 0, "--device", "cpu", "--quiet", *more)]


def log_of(output: Path) -> list[dict]:
    lines = [json.loads(line) for line in (output / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return [entry for entry in lines if "loss" in entry]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
def test_two_processes_have_the_loss_curve_of_one(medsegbench_folder: Path, tmp_path: Path, repository: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    assert main(arguments(medsegbench_folder, one, "--tasks", 4, "--accumulate", 2)) == 0
    launcher = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--master-port",
        str(free_port()),
    ]
    command = [*launcher, "-m", "PatchICLLib", *arguments(medsegbench_folder, two, "--tasks", 4)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(repository)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    curves = [[entry["loss"] for entry in log_of(output)] for output in (one, two)]
    assert len(curves[0]) == 4
    np.testing.assert_allclose(curves[1], curves[0], atol=2e-3)
    first, second = (Checkpoint.load(output / "checkpoint.pt") for output in (one, two))
    for name in first.model:
        np.testing.assert_allclose(second.model[name], first.model[name], atol=1e-4)
    assert len(set(curves[0])) > 1


@pytest.mark.slow
def test_killed_and_resumed_it_ends_as_if_nothing_had_happened(
    medsegbench_folder: Path, tmp_path: Path, repository: Path
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    # all in processes of their own: here, threads that earlier tests left behind treat denormal numbers differently
    environment = {**os.environ, "PYTHONPATH": str(repository)}

    def start(output: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "PatchICLLib", *arguments(medsegbench_folder, output, steps=16)]
        return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)

    assert start(whole).wait(200) == 0
    process = start(parts)
    deadline = time.monotonic() + 120
    while not (parts / "checkpoint.pt").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    killed_at = Checkpoint.load(parts / "checkpoint.pt").step
    assert 0 < killed_at < 16
    assert start(parts).wait(200) == 0
    one, two = (Checkpoint.load(output / "checkpoint.pt") for output in (whole, parts))
    assert one.step == two.step == 16
    for name in one.model:
        assert np.array_equal(one.model[name], two.model[name])
        assert np.array_equal(one.average[name], two.average[name])
    last = [log_of(output)[-1] for output in (whole, parts)]
    assert last[0]["loss"] == last[1]["loss"]


@pytest.mark.slow
def test_a_data_set_is_told_measured_and_logged(medsegbench_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs tensorboard: pip install patchicl[distributed]")
    summary_file = tmp_path / "summary.json"
    more = ["--json", summary_file, "--log-to", "tensorboard", "--precision", "bf16", "--size", 32]
    assert main(arguments(medsegbench_folder, tmp_path / "run", *more)) == 0
    summary = json.loads(summary_file.read_text(encoding="utf-8"))
    assert summary["datasets"] == {"promise12": 4, "wbc": 3}
    assert set(summary["validation"]) == {"medsegbench", "mean"}
    assert summary["recipe"]["plan"]["contexts"] == [1] and summary["recipe"]["plan"]["sizes"] == [[32, 1.0]]
    assert list((tmp_path / "run" / "tensorboard").iterdir())


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--dataset", "magic"], "--dataset must be KIND=FOLDER"),
        (["--dataset", "images=/nowhere"], "/nowhere does not exist"),
        (["--tasks", "3", "--accumulate", "2"], "A batch of 3 tasks cannot be divided evenly"),
        (["--precision", "8"], "The precision must be one of auto, 32, bf16"),
        (["--log-to", "paper"], "--log-to must be some of tensorboard, wandb"),
    ],
)
def test_bad_options(
    medsegbench_folder: Path, tmp_path: Path, more: list[str], sentence: str, refused: Callable[..., str]
) -> None:
    (tmp_path / "run").mkdir()
    assert sentence in refused(*arguments(medsegbench_folder, tmp_path / "run", *more))
