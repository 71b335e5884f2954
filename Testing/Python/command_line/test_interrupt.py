"""Ctrl-C while the engine works: exit code 130 and nothing written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT as POSIX does")
@pytest.mark.parametrize(("engine_kind", "presses"), [("honours", 1), ("ignores", 2)])
def test_interrupt(scan: Path, painted: Path, engine_kind: str, presses: int) -> None:
    """The first Ctrl-C asks the engine to stop, a second one does not wait for it."""
    output = scan.parent / "out.nii.gz"
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_ENGINE, engine_kind, "propagate", str(scan), str(painted), str(output)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
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
