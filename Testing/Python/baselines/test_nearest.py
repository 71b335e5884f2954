import numpy as np

from PatchICLLib.baselines.nearest import nearest_slice


def test_copies_the_nearest_slice_and_the_lower_on_a_tie() -> None:
    painted = np.zeros((9, 6, 6), np.uint8)
    painted[2, 1:3, 1:3] = 1
    painted[6, 3:5, 3:5] = 1
    filled = nearest_slice(painted, 0)
    for index in (2, 3, 4):
        np.testing.assert_array_equal(filled[index], painted[2])
    for index in (5, 6):
        np.testing.assert_array_equal(filled[index], painted[6])


def test_reaches_half_the_gap_beyond_the_ends() -> None:
    painted = np.zeros((30, 4, 4), np.int16)
    painted[10, 1, 1] = painted[14, 1, 1] = painted[20, 1, 1] = 3
    filled = nearest_slice(painted, 0)
    # Half of 14 - 10 below, half of 20 - 14 above.
    assert np.flatnonzero(filled.any(axis=(1, 2))).tolist() == list(range(8, 24))
    assert filled.dtype == np.int16


def test_a_single_slice_reaches_as_far_as_it_is_wide() -> None:
    painted = np.zeros((4, 21, 41), np.uint8)
    painted[1, 5:15, 20] = 1  # area 10 x 2 mm x 3 mm = 60 mm2: radius 4.37 mm, 4 slices of 1 mm
    filled = nearest_slice(painted.transpose(1, 2, 0), 2, spacing=(2.0, 3.0, 1.5))
    # The same painting along the last axis, with slices of 1.5 mm: 2 slices on either side.
    assert np.flatnonzero(filled.any(axis=(0, 1))).tolist() == [0, 1, 2, 3]


def test_a_declared_empty_slice_is_copied_as_empty() -> None:
    painted = np.zeros((12, 4, 4), np.uint8)
    painted[2, 1:3, 1:3] = 1
    filled = nearest_slice(painted, 0, [10])
    assert np.flatnonzero(filled.any(axis=(1, 2))).tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_where_two_labels_meet_the_nearer_painting_wins() -> None:
    painted = np.zeros((11, 3, 3), np.uint8)
    painted[0, 1, 1] = painted[6, 1, 1] = 1
    painted[10, 1, 1] = painted[8, 1, 1] = 2
    filled = nearest_slice(painted, 0)
    # 1 reaches from 0 to 9, 2 from 7 to 10; at 7 both are one slice away, and the lower label wins.
    assert filled[:, 1, 1].tolist() == [1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2]
