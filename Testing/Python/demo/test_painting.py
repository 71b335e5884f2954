"""The demo paints as the protocol says and scores what was not painted."""

import numpy as np
import pytest

from PatchICLLib.demo.painting import dice_on_unpainted, paint_span


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_first_middle_and_last_slice_of_each_structure(axis: int) -> None:
    reference = np.zeros((12, 5, 5), np.uint8)
    reference[1:10, 1:3, 1:4] = 1
    reference[4:9, 3:5, 2:4] = 6
    reference = np.moveaxis(reference, 0, axis)
    painted, slices = paint_span(reference, axis, 3)
    assert slices == {1: (1, 5, 9), 6: (4, 6, 8)}
    sliced, truth = np.moveaxis(painted, axis, 0), np.moveaxis(reference, axis, 0)
    for index in range(12):
        for label in (1, 6):
            expected = (truth[index] == label) & (index in slices[label])
            np.testing.assert_array_equal(sliced[index] == label, expected)


def test_a_structure_with_a_hole_is_painted_where_it_exists() -> None:
    reference = np.zeros((9, 3, 3), np.uint8)
    reference[[0, 1, 2, 7, 8]] = 1
    _, slices = paint_span(reference, 0, 3)
    assert slices == {1: (0, 2, 8)}


def test_dice_counts_unpainted_slices_only() -> None:
    reference = np.zeros((4, 2, 2), np.uint8)
    reference[:3] = 1
    labels = reference.copy()
    labels[0] = 0  # painted, so it does not count
    labels[2, 0] = 0  # half of one of two unpainted slices of the structure
    labels[3, 0, 0] = 1  # one voxel too many
    assert dice_on_unpainted(labels, reference, 1, 0, (0,)) == pytest.approx(2 * 6 / (7 + 8))
