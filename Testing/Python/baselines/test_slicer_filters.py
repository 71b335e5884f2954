import importlib.util
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from PatchICLLib.baselines.slicer_filters import fill_between_slices
from PatchICLLib.errors import InputError

needs_slicer = pytest.mark.skipif(importlib.util.find_spec("slicer") is None, reason="slicer-core is not installed")
ROOT = Path(__file__).resolve().parents[3]


@needs_slicer
def test_fill_between_slices_joins_equal_discs_and_stops_at_the_ends() -> None:
    painted = np.zeros((12, 20, 20), np.uint8)
    painted[2, 5:15, 5:15] = painted[9, 5:15, 5:15] = 4
    filled = fill_between_slices(painted, 0)
    for index in range(2, 10):
        np.testing.assert_array_equal(filled[index], painted[2])
    assert not filled[:2].any() and not filled[10:].any()


@needs_slicer
def test_the_interpreter_survives_its_exit_after_a_filter_has_run() -> None:
    program = """
        import numpy as np
        from PatchICLLib.baselines.slicer_filters import fill_between_slices
        painted = np.zeros((40, 50, 40), np.uint8)
        painted[3:30, 10, 5:30] = painted[8:20, 20, 9:33] = painted[8:30, 30, 9:33] = 1
        assert fill_between_slices(painted, 1).any()
    """
    finished = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT, timeout=60)
    assert finished.returncode == 0


def test_without_slicer_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "slicer", None)
    with pytest.raises(InputError, match="pip install slicer-core"):
        fill_between_slices(np.ones((3, 3, 3), np.uint8), 0)
