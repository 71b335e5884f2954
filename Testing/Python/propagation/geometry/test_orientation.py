"""The engine's view of a volume follows its content, whatever its order of storage."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from PatchICLLib.propagation.geometry.orientation import Orientation

SIGNS = list(itertools.product((False, True), repeat=3))


def store(array: np.ndarray, order: tuple[int, ...], mirrored: tuple[bool, ...]) -> np.ndarray:
    return np.transpose(array, order)[tuple(slice(None, None, -1 if m else None) for m in mirrored)]


@settings(max_examples=40)
@given(
    shape=st.tuples(st.integers(2, 7), st.integers(2, 7), st.sampled_from([5, 120])),
    order=st.permutations(range(3)),
    mirrored=st.sampled_from(SIGNS),
    axis=st.integers(0, 2),
    spacing=st.tuples(*[st.sampled_from([1.0, 2.0])] * 3),
    dtype=st.sampled_from([np.float32, np.int16, np.uint64, ">f8"]),
)
def test_the_same_view_of_the_same_volume(
    shape: tuple[int, int, int],
    order: list[int],
    mirrored: tuple[bool, ...],
    axis: int,
    spacing: tuple[float, float, float],
    dtype: type | str,
) -> None:
    rng = np.random.default_rng(sum(shape))
    image = (rng.random(shape) * 20000).astype(dtype)
    painted = (rng.random(shape) < 0.2).astype(np.uint8)
    first = Orientation.of(axis, image, painted, spacing)
    turned = [store(a, tuple(order), mirrored) for a in (image, painted)]
    second = Orientation.of(order.index(axis), turned[0], turned[1], tuple(spacing[a] for a in order))  # type: ignore
    np.testing.assert_array_equal(first.view(image), second.view(turned[0]))
    np.testing.assert_array_equal(first.view(painted), second.view(turned[1]))


def test_painting_decides_for_a_symmetrical_image() -> None:
    image = np.ones((5, 6, 7))
    image[2] = 3
    painted = np.zeros(image.shape, np.uint8)
    painted[1, 4, 2] = 1
    for mirrored in SIGNS:
        turned = [store(a, (0, 1, 2), mirrored) for a in (image, painted)]
        seen = Orientation.of(0, turned[0], turned[1], (1.0, 1.0, 1.0)).view(turned[1])
        np.testing.assert_array_equal(seen, Orientation.of(0, image, painted, (1.0, 1.0, 1.0)).view(painted))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("mirrored", SIGNS)
def test_indices_planes_and_boxes_go_back(order: tuple[int, int, int], mirrored: tuple[bool, bool, bool]) -> None:
    stored = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    orientation = Orientation(order, mirrored, (4, 5, 6))
    view = orientation.view(stored)
    along = np.moveaxis(stored, order[0], 0)
    for index, plane in enumerate(view):
        np.testing.assert_array_equal(orientation.plane(plane), along[orientation.slice_index(index)])
    # a box around one voxel: borders half a voxel from its centre
    row, column = 1, 2
    corner, size = orientation.box((row - 0.5, column - 0.5), (1.0, 1.0))
    index = orientation.slice_index(3)
    assert size == (1.0, 1.0)
    assert along[index, int(corner[0] + 0.5), int(corner[1] + 0.5)] == view[3, row, column]
    assert orientation.box((0.0, 0.0), (2.0, 3.0))[1] == ((3.0, 2.0) if order[1] > order[2] else (2.0, 3.0))
