from __future__ import annotations

import importlib.util
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from PatchICLLib.baselines.interpolation import interpolate_shapes
from PatchICLLib.baselines.slicer_filters import fill_between_slices, grow_from_seeds, growth_window
from PatchICLLib.errors import InputError

needs_slicer = pytest.mark.skipif(importlib.util.find_spec("slicer") is None, reason="slicer-core is not installed")
ROOT = Path(__file__).resolve().parents[3]


def test_growth_window_is_the_painted_extent_plus_35_percent() -> None:
    mask = np.zeros((100, 100, 100), bool)
    mask[20:60, 40:50, 30:70] = True  # 40 slices of 1 mm; 10 rows of 2 mm, 40 columns of 0.5 mm: both 20 mm
    window = growth_window(mask, (1.0, 2.0, 0.5))
    # 35 % of 40 slices; 7 mm are 4 rows or 14 columns.
    assert window == (slice(6, 74), slice(36, 54), slice(16, 84))


def test_growth_window_has_three_voxels_at_least_and_stays_in_the_volume() -> None:
    mask = np.zeros((10, 10, 10), bool)
    mask[1, 5, 8] = True
    assert growth_window(mask, (1.0, 1.0, 1.0)) == (slice(0, 5), slice(2, 9), slice(5, 10))


@needs_slicer
def test_grow_from_seeds_follows_an_edge_that_shape_alone_cannot_know() -> None:
    image = np.zeros((9, 24, 24), np.float32)
    truth = np.zeros(image.shape, bool)
    for index in range(9):
        shift = 4 - abs(index - 4)  # moves away from the painted slices and back
        truth[index, 6 + shift : 14 + shift, 6:14] = True
    image[truth] = 100.0
    painted = np.where(np.isin(np.arange(9), (0, 8))[:, None, None], truth, False).astype(np.uint8)
    filled = grow_from_seeds(painted, 0, image=image)
    # One row of the middle slice is equally cheap from inside and outside.
    assert np.count_nonzero((filled == 1) != truth) <= 8
    assert np.count_nonzero((interpolate_shapes(painted, 0) == 1) != truth) > 100


@needs_slicer
def test_grow_from_seeds_needs_the_image() -> None:
    painted = np.ones((3, 3, 3), np.uint8)
    with pytest.raises(InputError, match="image"):
        grow_from_seeds(painted, 0)


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
