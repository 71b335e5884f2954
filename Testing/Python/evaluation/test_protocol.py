import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.protocol import (
    copied_slices,
    judged_slices,
    paint,
    painted_positions,
    through_plane_axis,
)


@pytest.mark.parametrize(
    ("first", "last", "k", "placement", "expected"),
    [
        (0, 10, 3, "span", (0, 5, 10)),
        (10, 19, 3, "span", (10, 15, 19)),  # 4.5 is rounded up to 5
        (10, 19, 5, "span", (10, 12, 15, 17, 19)),  # 2.25, 4.5, 6.75
        (0, 9, 2, "span", (0, 9)),
        (0, 9, 1, "span", (5,)),
        (0, 11, 3, "inset", (2, 6, 10)),  # parts 0-3, 4-7, 8-11: centres 1.5, 5.5, 9.5
        (5, 13, 3, "inset", (6, 9, 12)),  # centres 1, 4, 7
        (0, 9, 1, "inset", (5,)),
        (0, 9, 2, "inset", (2, 7)),
    ],
)
def test_known_positions(first: int, last: int, k: int, placement: str, expected: tuple[int, ...]) -> None:
    assert painted_positions(first, last, k, placement) == expected


@given(st.integers(0, 50), st.integers(8, 200), st.integers(1, 5))
def test_positions_are_distinct_inside_and_evenly_spread(first: int, count: int, k: int) -> None:
    last = first + count - 1
    for placement in ("span", "inset"):
        positions = painted_positions(first, last, k, placement)
        assert len(set(positions)) == k and first <= min(positions) and max(positions) <= last
        gaps = np.diff(positions)
        assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1
    if k > 1:
        span = painted_positions(first, last, k, "span")
        assert (span[0], span[-1]) == (first, last)


def test_more_slices_than_the_structure_has_is_an_error() -> None:
    with pytest.raises(InputError, match="9 slices cannot be painted on a structure of 8"):
        painted_positions(0, 7, 9, "span")


@pytest.mark.parametrize(
    ("spacing", "axis"),
    [((5.0, 1.0, 1.0), 0), ((1.0, 1.0, 3.0), 2), ((0.5, 2.0, 0.5), 1), ((1.0, 1.0, 1.0), 0), ((1.0, 2.0, 2.0), 1)],
)
def test_axis_is_that_with_the_largest_spacing_then_the_first(spacing: tuple[float, float, float], axis: int) -> None:
    assert through_plane_axis(spacing) == axis


def test_spacings_within_one_percent_count_as_equal() -> None:
    assert through_plane_axis((1.0, 1.005, 1.0)) == 0
    assert through_plane_axis((1.0, 1.02, 1.0)) == 1


def test_paint_copies_only_the_chosen_slices() -> None:
    reference = np.random.default_rng(0).random((5, 6, 7)) > 0.5
    painted = paint(reference, 1, (1, 4))
    assert painted.dtype == np.uint8
    np.testing.assert_array_equal(painted[:, [1, 4]], reference[:, [1, 4]])
    assert not painted[:, [0, 2, 3, 5]].any()


def test_all_other_slices_are_judged() -> None:
    assert judged_slices(5, (0, 3)).tolist() == [False, True, True, False, True]


@pytest.mark.parametrize(
    ("shapes", "slices", "copied"),
    [
        ("..aabbb..", (2, 5), (3, 4, 6)),  # 4 is that of 5, 6 too
        ("..aabbb..", (3,), (2,)),  # 4 is another shape
        ("abaa", (0,), (2, 3)),
        ("abcba", (0, 4), ()),
        ("a.b", (0, 2), ()),  # nothing is no copy
        ("aab", (0, 2), (1,)),  # equally near, one of them is enough
        ("aaba", (0, 2), (1,)),  # the nearest of 3 is 2
    ],
)
def test_slices_that_repeat_the_nearest_painted_one(
    shapes: str, slices: tuple[int, ...], copied: tuple[int, ...]
) -> None:
    forms = {"a": [[1, 0], [0, 0]], "b": [[1, 1], [0, 0]], "c": [[0, 1], [0, 1]], ".": [[0, 0], [0, 0]]}
    reference = np.array([forms[shape] for shape in shapes], bool)
    assert tuple(np.flatnonzero(copied_slices(reference, slices))) == copied
