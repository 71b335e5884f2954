"""Ctrl-C while the engine works: exit code 130 and nothing written."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

# The cohort of `scan`, whose process stops (as Ctrl-Z or a debugger would do it) instead of working.
STOPPED_COHORT = """
import sys
import PatchICLLib.command_line.cohort_run as cohort
from PatchICLLib.runtime.child_process import end
from PatchICLLib.cohort.local_pool import LocalPool
from PatchICLLib.command_line.app import main
from Testing.Miniatures.cohort_work import note

if __name__ == "__main__":
    end.__defaults__ = (0.2,)
    cohort.LocalPool = lambda processes, attempts: LocalPool(processes, attempts, note)
    sys.exit(main(sys.argv[1:]))
"""

SLOW_ENGINE = """
import sys, time
import PatchICLLib.command_line.propagate_files as files
from PatchICLLib.command_line.app import main

class SlowEngine:
    @classmethod
    def from_pretrained(cls, **model):
        return cls()
    def propagate(self, image, painted, spacing, *, progress, cancel, **options):
        print("working", flush=True)
        for _ in range(600):
            if HONOURS_CANCEL:
                cancel.raise_if_cancelled()
            time.sleep(0.05)

HONOURS_CANCEL = sys.argv[1] == "honours"
files.Propagator = SlowEngine
sys.exit(main(sys.argv[2:]))
"""


def at_work(engine_kind: str, scan: Path, painted: Path) -> subprocess.Popen[str]:
    """A propagation whose engine has begun."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_ENGINE, engine_kind, "propagate", scan, painted, scan.parent / "out.nii.gz"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    return process


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT as POSIX does")
@pytest.mark.parametrize(("engine_kind", "presses"), [("honours", 1), ("ignores", 2)])
def test_interrupt(scan: Path, painted: Path, engine_kind: str, presses: int) -> None:
    """The first Ctrl-C asks the engine to stop, a second one does not wait for it."""
    process = at_work(engine_kind, scan, painted)
    started = time.monotonic()
    for _ in range(presses):
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert time.monotonic() - started < 15.0  # of the 30 that the engine would go on
    assert errors.endswith("patchicl: Cancelled; nothing was written.\n")
    assert "Traceback" not in errors
    assert sorted(os.listdir(scan.parent)) == ["painted.nii.gz", "scan.nii.gz"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_termination_cleans_up_as_ctrl_c_does(scan: Path, painted: Path) -> None:
    process = at_work("ignores", scan, painted)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "patchicl: Cancelled; nothing was written.\n")
    assert sorted(os.listdir(scan.parent)) == ["painted.nii.gz", "scan.nii.gz"]


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cohort_with_a_stopped_process_can_be_ended(
    scan: Path, painted: Path, tmp_path: Path, repository: Path, number: signal.Signals
) -> None:
    (tmp_path / "out").mkdir()
    case = {"name": "stopped", "image": str(scan), "painted": str(painted), "output": "out/stopped.nii.gz"}
    (tmp_path / "scans.json").write_text(json.dumps([case]))
    (tmp_path / "main.py").write_text(STOPPED_COHORT)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "main.py"), "cohort", str(tmp_path / "scans.json"), "--device", "cpu"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(repository)},
    )
    log, deadline = tmp_path / "out" / "stopped.log", time.monotonic() + 120
    while not (log.exists() and log.read_text() and state(int(log.read_text())) == "T"):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.endswith("Stopped after 0 of 1 scans; the same command goes on from there.\n")
    assert state(int(log.read_text())) == ""


def state(pid: int) -> str:
    """One letter for what a process does, as in /proc; nothing if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""
