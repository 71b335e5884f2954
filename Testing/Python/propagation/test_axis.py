"""Finding the slicing axis from what was painted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.errors import InputError
from PatchICLLib.propagation.axis import find_axis

SHAPE = (24, 26, 28)
K, J, L = np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij")
BALL = (K - 12) ** 2 + (J - 13) ** 2 + (L - 14) ** 2 <= 81
ISOTROPIC = (1.0, 1.0, 1.0)


def painted_on(structure: np.ndarray, axis: int, slices: list[int]) -> np.ndarray:
    painted = np.zeros(structure.shape, np.uint8)
    for index in slices:
        place = (slice(None),) * axis + (index,)
        painted[place] = structure[place]
    return painted


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("slices", [[13], [8, 16], [6, 12, 18], [11, 12], [11, 12, 13, 14, 15], [4, 12, 13, 14, 20]])
def test_axis_of_a_ball(axis: int, slices: list[int]) -> None:
    assert find_axis(painted_on(BALL, axis, slices), ISOTROPIC) == axis


@given(
    axis=st.integers(0, 2),
    slices=st.lists(st.integers(0, 11), min_size=1, max_size=4, unique=True),
    corner=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    size=st.tuples(st.integers(6, 8), st.integers(6, 8)),
)
def test_axis_of_any_blocks(axis: int, slices: list[int], corner: tuple[int, int], size: tuple[int, int]) -> None:
    painted = np.zeros((12, 12, 12), np.int16)
    along = np.moveaxis(painted, axis, 0)
    for index in slices:
        along[index, corner[0] : corner[0] + size[0], corner[1] : corner[1] + size[1]] = 3
    assert find_axis(painted, ISOTROPIC) == axis


def test_thicker_slices_decide_a_tie() -> None:
    painted = np.zeros((9, 9, 9), np.uint8)
    painted[4, 4, 4] = 1
    assert [find_axis(painted, s) for s in ((3, 1, 1), (1, 3, 1), (1, 1, 3))] == [0, 1, 2]


def test_several_small_structures() -> None:
    painted = np.zeros((20, 20, 20), np.uint8)
    for index in (4, 9, 15):
        painted[index, 2:5, 3:6] = 1
        painted[index, 12:13, 14:19] = 2
    assert find_axis(painted, ISOTROPIC) == 0


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_thin_structures_on_adjacent_slices(axis: int) -> None:
    radius = np.sqrt((J - 13) ** 2 + (L - 14) ** 2)
    shell = np.abs(radius - 9 + 0.3 * (K - 12)) < 0.7  # a cone of one voxel
    vessel = (np.abs(J - K) <= 1) & (np.abs(L - K - 2) <= 1)
    for structure in (shell, vessel):
        turned = np.moveaxis(structure, 0, axis)
        assert find_axis(painted_on(turned, axis, [9, 10, 11, 12, 13, 14]), ISOTROPIC) == axis


OBLIQUE = [BALL & (np.abs(n[0] * (K - 12) + n[1] * (J - 13) + n[2] * (L - 14)) <= 0.5 * max(n)) for n in
           ((1, 1, 0), (1, 1, 1), (0.5, 1, 0), (0.4, 0.3, 1))]  # fmt: skip


@pytest.mark.parametrize("painted", OBLIQUE)
def test_oblique_painting_is_refused(painted: np.ndarray) -> None:
    with pytest.raises(InputError, match="do not lie on slices of one axis"):
        find_axis(painted.astype(np.uint8), ISOTROPIC)


@pytest.mark.parametrize("second", [[12], [8, 16]])
def test_painting_on_two_axes_is_refused(second: list[int]) -> None:
    painted = painted_on(BALL, 0, [12]) | painted_on(BALL, 1, second)
    with pytest.raises(InputError, match="all on the same axis"):
        find_axis(painted, ISOTROPIC)


def test_two_structures_painted_on_different_axes_are_refused() -> None:
    painted = np.zeros((20, 40, 20), np.uint8)
    painted[10, 2:12, 2:12] = 1
    painted[5:15, 30, 5:15] = 2
    with pytest.raises(InputError, match="all on the same axis"):
        find_axis(painted, ISOTROPIC)


def test_nothing_painted() -> None:
    with pytest.raises(InputError, match="Nothing is painted"):
        find_axis(np.zeros((4, 4, 4), np.uint8), ISOTROPIC)
