"""Unpainted runs of slices and what each learns from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.propagation.geometry.gaps import find_gaps


@st.composite
def paintings(draw: st.DrawFn) -> tuple[list[int], list[int], int]:
    depth = draw(st.integers(2, 40))
    painted = sorted(draw(st.sets(st.integers(0, depth - 1), min_size=1, max_size=8)))
    filled = sorted(draw(st.sets(st.sampled_from(painted), min_size=1)))
    return painted, filled, depth


@given(painting=paintings(), size=st.integers(1, 10))
def test_every_unpainted_slice_once_nearest_first(painting: tuple[list[int], list[int], int], size: int) -> None:
    painted, filled, depth = painting
    gaps = find_gaps(painted, filled, depth, size, "auto")
    covered = [z for gap in gaps for z in gap.slices]
    assert sorted(covered) == sorted(set(range(depth)) - set(painted))
    for gap in gaps:
        distances = [min(abs(z - p) for p in painted) for z in gap.slices]
        assert distances == sorted(distances) == [gap.distance(z) for z in gap.slices]
        assert set(gap.context) <= set(painted) and list(gap.context) == sorted(set(gap.context))
        bounds = {b for b in (gap.before, gap.after) if b is not None}
        assert bounds <= set(gap.context) and set(gap.context) & set(filled)
        assert len(gap.context) <= max(size, len(bounds) + 1)
        assert len(gap.context) >= min(size, len(painted))


@given(painting=paintings(), size=st.integers(1, 10))
def test_painted_extent_stays_between_the_outermost(painting: tuple[list[int], list[int], int], size: int) -> None:
    painted, filled, depth = painting
    covered = {z for gap in find_gaps(painted, filled, depth, size, "painted") for z in gap.slices}
    assert covered == set(range(painted[0], painted[-1])) - set(painted)


@given(painting=paintings(), ends=st.tuples(st.integers(0, 39), st.integers(0, 39)))
def test_extent_by_slices(painting: tuple[list[int], list[int], int], ends: tuple[int, int]) -> None:
    painted, filled, depth = painting
    first, last = sorted(min(e, depth - 1) for e in ends)
    covered = {z for gap in find_gaps(painted, filled, depth, 5, (first, last)) for z in gap.slices}
    assert covered == set(range(first, last + 1)) - set(painted)


def test_context_is_the_nearest_with_something_on_it() -> None:
    inner = find_gaps([0, 10, 20, 30, 40], [0, 40], 50, 3, "painted")[1]
    assert (inner.before, inner.after, inner.context) == (10, 20, (0, 10, 20))
    outer = find_gaps([5, 10, 20], [10, 20], 30, 2, "auto")[-2]
    assert (outer.before, outer.after, outer.context) == (None, 5, (5, 10))


@pytest.mark.parametrize(
    ("before", "after", "sparse", "expected"),
    [(2, 9, False, (3, 8, 4, 7)), (2, 9, True, (3, 8)), (None, 9, True, (8,)), (2, 11, True, (3, 10))],
)
def test_reduced(before: int | None, after: int, sparse: bool, expected: tuple[int, ...]) -> None:
    painted = [z for z in (before, after) if z is not None]
    gap = next(g for g in find_gaps(painted, painted, 12, 5, "auto") if g.after == after and g.before == before)
    reduced = gap.reduced(2.5, sparse)
    assert reduced.slices == expected and (reduced.before, reduced.after) == (before, after)
