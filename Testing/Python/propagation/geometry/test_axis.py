"""Finding the slicing axis from what was painted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from PatchICLLib.errors import InputError
from PatchICLLib.propagation.geometry.planes import find_planes

SHAPE = (24, 26, 28)
K, J, L = np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij")
BALL = (K - 12) ** 2 + (J - 13) ** 2 + (L - 14) ** 2 <= 81
ISOTROPIC = (1.0, 1.0, 1.0)


def find_axis(painted: np.ndarray, spacing: tuple[float, float, float]) -> int:
    """Of all planes."""
    (axis,) = find_planes(painted, spacing).axes
    return axis


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
    with pytest.raises(InputError, match="do not lie on slices of the volume"):
        find_axis(painted.astype(np.uint8), ISOTROPIC)


@pytest.mark.parametrize("second", [[12], [8, 16]])
def test_painting_on_two_axes(second: list[int]) -> None:
    painted = painted_on(BALL, 0, [12]) | painted_on(BALL, 1, second)
    assert find_planes(painted, ISOTROPIC).axes == (0, 1)


def test_two_structures_painted_on_different_axes() -> None:
    painted = np.zeros((20, 40, 20), np.uint8)
    painted[10, 2:12, 2:12] = 1
    painted[5:15, 30, 5:15] = 2
    assert find_planes(painted, ISOTROPIC).of_label == {1: {0: (10,)}, 2: {1: (30,)}}


def test_nothing_painted() -> None:
    with pytest.raises(InputError, match="Nothing is painted"):
        find_axis(np.zeros((4, 4, 4), np.uint8), ISOTROPIC)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("across", [1, 2])
@pytest.mark.parametrize("thickness", [1, 2])
def test_a_sheet_along_a_plane_of_the_grid_painted_on_slices_with_gaps(axis: int, across: int, thickness: int) -> None:
    painted = np.zeros(SHAPE, np.uint8)
    along = np.moveaxis(painted, axis, 0)
    for index in (2, 12, 21):
        np.moveaxis(along[index], across - 1, 0)[9 : 9 + thickness, 4:18] = 1
    assert find_axis(painted, ISOTROPIC) == axis


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_thin_structure_is_followed_along_its_way(axis: int) -> None:
    painted = np.zeros((24, 24, 24), np.uint8)
    along = np.moveaxis(painted, axis, 0)
    along[[2, 12, 21], [5, 8, 10], [9, 9, 12]] = 1
    assert find_axis(painted, ISOTROPIC) == axis


@pytest.mark.parametrize(
    ("places", "names"),
    [
        ([(4, 5, 6)], "k or j or i"),
        ([(4, 5, z) for z in range(8)], "k or j"),
        ([(2, 2, 5), (12, 12, 5), (20, 20, 5)], "k or j or i"),
    ],
)
def test_ambiguous_painting_is_refused(places: list[tuple[int, int, int]], names: str) -> None:
    painted = np.zeros(SHAPE, np.uint8)
    painted[tuple(np.transpose(places))] = 1
    with pytest.raises(InputError, match=f"may lie on slices along {names}: name the axis"):
        find_axis(painted, ISOTROPIC)
    assert find_axis(painted, (3.0, 1.0, 1.0)) == 0


def test_a_part_of_the_volume_tells_the_same() -> None:
    painted = painted_on(BALL, 1, [8, 16])
    assert find_axis(painted[3:20, 4:22, 2:26] > 0, ISOTROPIC) == find_axis(painted, ISOTROPIC) == 1


@given(
    radii=st.tuples(*[st.integers(6, 14)] * 3),
    tilt=st.floats(-0.3, 0.3),
    hollow=st.booleans(),
    axis=st.integers(0, 2),
    other=st.integers(1, 2),
    count=st.integers(2, 4),
    place=st.floats(0.35, 0.65),
)
def test_slices_of_two_axes_are_never_taken_for_those_of_one(
    radii: tuple[int, int, int], tilt: float, hollow: bool, axis: int, other: int, count: int, place: float
) -> None:
    """Two to four slices of one axis and one of another through an ellipsoid."""
    k, j, i = np.ix_(*(np.arange(-16, 17) / radius for radius in radii))
    distance = k**2 + (j - tilt * k) ** 2 + i**2
    body = (distance <= 1) & (distance >= 0.4 * hollow)

    def on(axis: int, shares: list[float]) -> np.ndarray:
        present = np.flatnonzero(body.any(tuple(a for a in range(3) if a != axis)))
        return painted_on(body, axis, [int(present[0] + share * (len(present) - 1)) for share in shares])

    painted = on(axis, list(np.linspace(0.2, 0.8, count)))
    assert find_axis(painted, ISOTROPIC) == axis
    other = (axis + other) % 3
    assert {axis, other} <= set(find_planes(painted | on(other, [place]), ISOTROPIC).axes)


def spilled(painted: np.ndarray, axis: int) -> np.ndarray:
    """With what a sphere brush leaves on either side of painted slices."""
    along = np.moveaxis(painted.copy(), axis, 0)
    for index in np.flatnonzero(painted.any(tuple(a for a in range(3) if a != axis))):
        for beside in (index - 1, index + 1):
            along[beside] |= ndimage.binary_erosion(along[index])
    return np.moveaxis(along, 0, axis)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_sphere_brush_on_two_axes(axis: int) -> None:
    body = np.kron(BALL, np.ones((2, 2, 2), bool))
    painted = spilled(painted_on(body, axis, [16, 34]), axis)
    assert find_axis(painted, ISOTROPIC) == axis
    other = (axis + 1) % 3
    assert {axis, other} <= set(find_planes(painted | spilled(painted_on(body, other, [24]), other), ISOTROPIC).axes)
