"""Whether a segmentation is taken for finished, or for painted on slices: one rule, whoever asks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from PatchICLLib.follow.finished import looks_finished

SHAPE = (24, 26, 28)
GRID = np.indices(SHAPE)
AT_K, AT_J, AT_I = GRID


def ball(center: tuple[float, float, float], radius: float) -> np.ndarray:
    return sum((line - middle) ** 2 for line, middle in zip(GRID, center, strict=True)) <= radius**2


def finished(mask: np.ndarray) -> bool:
    """Of the whole volume; cropped to its box it looks the same."""
    looks = looks_finished(mask, SHAPE)
    box = tuple(slice(line.min(), line.max() + 1) for line in np.nonzero(mask))
    assert looks_finished(mask[box], SHAPE) is looks
    return looks


def painted(body: np.ndarray, slices: list[tuple[int, int]]) -> np.ndarray:
    shown = np.zeros_like(body)
    for axis, index in slices:
        at = tuple(index if other == axis else slice(None) for other in range(3))
        shown[at] = body[at]
    return shown


bodies = st.builds(ball, st.tuples(*(st.floats(10, size - 11) for size in SHAPE)), st.floats(8, 10))


@given(bodies, st.integers(0, 2), st.sets(st.integers(-7, 7), min_size=1, max_size=9))
def test_slices_of_any_axis_are_no_finished_structure(body: np.ndarray, axis: int, chosen: set[int]) -> None:
    """In a row or not, as long as less than four in a row are apart from the others."""
    middle = int(np.nonzero(body)[axis].mean().round())
    held = sorted(chosen)
    runs = np.split(held, np.flatnonzero(np.diff(held) > 1) + 1)
    short = [index for run in runs for index in run[:3]]  # the fourth and further ones in a row are left unpainted
    assert not finished(painted(body, [(axis, middle + index) for index in short]))


@settings(max_examples=40)
@given(bodies, st.lists(st.sets(st.sampled_from([-5, -4, 0, 1, 5]), max_size=3), min_size=3, max_size=3).filter(any))
def test_planes_of_several_axes_are_no_finished_structure(body: np.ndarray, chosen: list[set[int]]) -> None:
    """Where they cross, no slice between the first and the last may be without a voxel."""
    middle = np.argwhere(body).mean(axis=0).round().astype(int)
    planes = [(axis, int(middle[axis]) + index) for axis, indices in enumerate(chosen) for index in indices]
    assert not finished(painted(body, planes))


@settings(max_examples=40)
@given(bodies, bodies, st.floats(0, 2 * np.pi))
def test_what_is_in_one_part_and_thick_is_finished(one: np.ndarray, other: np.ndarray, angle: float) -> None:
    body = one | other
    assert finished(body)
    halved = body & ((AT_J - 13) * np.cos(angle) + (AT_I - 14) * np.sin(angle) + 0.2 * (AT_K - 12) > 0)
    if halved.sum() > body.sum() / 4 and halved[:-2].any():
        assert finished(halved)


@settings(max_examples=20)
@given(st.floats(0.5, 2.0), st.floats(0.4, 1.2), st.floats(2.0, 3.0))
def test_thin_structures_that_bend_are_finished(width: float, turn: float, radius: float) -> None:
    """Vessels and shells of one voxel and more."""
    middle = 12.0
    vessel = (
        np.hypot(AT_J - middle - 5 * np.sin(turn * AT_K / 3), AT_I - middle - 5 * np.cos(turn * AT_K / 3))
        <= width + 0.5
    )
    assert finished(vessel)
    shell = ball((12, 13, 14), 4 * radius) & ~ball((12, 13, 14), 4 * radius - 1.5)
    assert finished(shell)
    assert finished(shell & (AT_K > 12))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_with_two_neighbors_and_one_far_away(axis: int) -> None:
    body = np.ones(SHAPE, bool)
    assert not finished(painted(body, [(axis, 10), (axis, 11), (axis, 20)]))


def test_strokes_across_slices_are_planes_of_another_axis() -> None:
    stroke = np.zeros(SHAPE, bool)
    stroke[4:20, 12, 5:9] = True  # a brush in a coronal view
    assert not finished(stroke)
    stroke[9, 5:20, 5:9] = stroke[14, 5:20, 5:9] = True
    assert not finished(stroke)


def test_parts_above_each_other_and_specks_are_finished() -> None:
    body = ball((5, 13, 14), 4.5) | ball((18, 13, 14), 4.5)
    assert finished(body)
    body[12, 13, 14:16] = True
    assert finished(body)


def test_what_reaches_through_few_slices_is_finished() -> None:
    """Volumes of less slices than anybody leaves out."""
    for count in (1, 2, 3):
        assert looks_finished(ball((12, 13, 14), 8)[12 : 12 + count], (count, *SHAPE[1:]))
    assert not looks_finished(ball((12, 13, 14), 8)[12:13], (3, *SHAPE[1:]))
