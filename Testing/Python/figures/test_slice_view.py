"""Slices are shown as radiologists expect, whatever order and direction the voxels are stored in."""

from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from PatchICLLib.figures.slice_view import SliceView
from PatchICLLib.images import Volume

LEFT, POSTERIOR, SUPERIOR = np.eye(3)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_left_is_right_and_posterior_or_feet_are_down(order: tuple, axis: int) -> None:
    axes = Figure().add_subplot()
    for signs in product([1, -1], repeat=3):
        axes.clear()
        check_orientation(axes, order, signs, axis)


def check_orientation(axes: Axes, order: tuple, signs: tuple, axis: int) -> None:
    direction = np.zeros((3, 3))
    for column, (row, sign) in enumerate(zip(order, signs, strict=True)):
        direction[row, column] = sign
    mask = np.zeros((8, 9, 10), bool)
    mask[2:5, 3:6, 4:8] = True
    volume = Volume(mask, (1.0, 2.0, 3.0), (0.0,) * 3, tuple(direction.ravel()), Path("x"), "")
    view = SliceView.around(volume, mask, axis, margin_mm=1.0)
    view.frame(axes)
    axes.apply_aspect()
    index = np.array([3.0, 4.0, 5.0])  # k, j, i

    def on_screen(patient_direction: np.ndarray) -> np.ndarray:
        """Display coordinates (right, up) that a step of 1 mm in the patient takes."""
        step = np.linalg.inv(direction) @ patient_direction  # along i, j, k, in millimetres
        stepped = index + step[::-1] / np.array(volume.spacing)
        points = []
        for point in (index, stepped):
            row, column = np.delete(point, axis)
            x, y, *_ = view.rectangle((row, column), (1.0, 1.0))
            points.append(axes.transData.transform((x, y)))
        return np.subtract(points[1], points[0])

    across = int(np.abs(direction.T[::-1][axis]).argmax())
    right, down = {0: (POSTERIOR, -SUPERIOR), 1: (LEFT, -SUPERIOR), 2: (LEFT, POSTERIOR)}[across]
    moved_right, moved_down = on_screen(right), on_screen(down)
    assert moved_right[0] > 0 and abs(moved_right[1]) < 1e-6
    assert moved_down[1] < 0 and abs(moved_down[0]) < 1e-6
    assert moved_right[0] == pytest.approx(-moved_down[1], rel=0.02), "a millimetre is as wide as it is high"


def test_the_view_holds_the_mask_and_a_margin() -> None:
    mask = np.zeros((8, 30, 40), bool)
    mask[2:5, 10:16, 20:24] = True
    volume = Volume(mask, (1.0, 2.0, 0.5), (0.0,) * 3, tuple(np.eye(3).ravel()), Path("x"), "")
    view = SliceView.around(volume, mask, 0, margin_mm=4.0)
    assert view.window == (20 - 8 - 0.5, 23 + 8 + 0.5, 10 - 2 - 0.5, 15 + 2 + 0.5)
    assert view.aspect == pytest.approx(10 * 2.0 / (20 * 0.5))
    np.testing.assert_array_equal(view.plane(mask, 3), mask[3])
