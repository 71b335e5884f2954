"""Slices of a gap are dealt out and judged the same, however many portions are out at a time."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.propagation.gap_filling import ContextKey, GapFilling, Portion
from PatchICLLib.propagation.geometry.gaps import Gap, find_gaps


def outer(depth: int) -> Gap:
    """All slices above a painted one."""
    (gap,) = find_gaps([0], [0], depth, 5, "auto")
    return gap


def filling(
    gap: Gap, stops: bool = True, size_of: Callable[[ContextKey], int] = lambda _: 128, shown: int = 0
) -> GapFilling:
    return GapFilling(3, 7, gap, stops, size_of, shown=shown)


def filled(one: GapFilling, ahead: int, ends: int, wide: dict[int, float]) -> list[tuple[int, float]]:
    """Slices and the growth they were seen with, of a structure that ends, and needs a larger region here and there."""
    kept: list[tuple[int, float]] = []
    while one.left:
        portions: list[Portion] = []
        while len(portions) < ahead and not one.is_dealt:
            portions.append(one.deal())
        for portion in portions:
            touching = any(wide.get(z, 1.0) > portion.key.growth for z in portion.indices)
            count = one.settle(portion, [z < ends for z in portion.indices], touching)
            kept += [(z, portion.key.growth) for z in portion.indices[:count]]
    return kept


@given(
    depth=st.integers(2, 90),
    ends=st.integers(1, 100),
    wide=st.dictionaries(st.integers(1, 90), st.sampled_from([1.2, 1.5, 2.2, 9.0]), max_size=3),
    ahead=st.integers(2, 9),
    sharp=st.sampled_from([1.0, 1.4, 9.0]),
    shown=st.integers(0, 60),
)
def test_it_does_not_matter_how_many_portions_are_out(
    depth: int, ends: int, wide: dict[int, float], ahead: int, sharp: float, shown: int
) -> None:
    gap = outer(depth)

    def size_of(key: ContextKey) -> int:
        return 256 if key.growth >= sharp else 128

    one_by_one = filled(filling(gap, size_of=size_of, shown=shown), 1, ends, wide)
    assert filled(filling(gap, size_of=size_of, shown=shown), ahead, ends, wide) == one_by_one
    # three empty slices in a row end it, and none before does
    assert [z for z, _ in one_by_one] == list(gap.slices[: ends + 2])
    growths = [growth for _, growth in one_by_one]
    assert growths == sorted(growths) and max(growths) <= 2.5


@given(shown=st.integers(1, 60), beyond=st.integers(-60, 0), sparse=st.booleans())
def test_nothing_is_predicted_beyond_what_ends_a_structure_that_planes_across_show(
    shown: int, beyond: int, sparse: bool
) -> None:
    """It ends there, or before: three empty slices are enough, or two of every second."""
    one, last = filling(outer(99).reduced(99, sparse), shown=shown), 0
    while one.left:
        portion = one.deal()
        last = max(portion.indices)
        one.settle(portion, [z <= shown + beyond for z in portion.indices], touching=False)
    assert last <= shown + (4 if sparse else 3)


def test_slices_that_were_judged_together_are_seen_anew_together() -> None:
    """Those that a larger region is needed for would else be seen through regions of several sizes."""
    one = filling(outer(40), size_of=lambda key: 256 if key.growth > 1 else 128)
    first = one.deal()
    assert one.settle(first, [True] * len(first.indices), touching=True) == 0
    again, then = one.deal(), one.deal()
    assert again.indices == first.indices and again.key.growth > 1
    assert len(then.indices) < len(again.indices)


@pytest.mark.parametrize(("size", "count"), [(128, 8), (256, 4), (64, 16)])
def test_portions_are_smaller_where_the_network_sees_more(size: int, count: int) -> None:
    portion = filling(outer(40), size_of=lambda _: size).deal()
    assert portion.indices == outer(40).slices[:count] and portion.key == ContextKey(7, (0,))


def test_a_gap_between_painted_slices_is_filled_to_its_middle() -> None:
    (gap,) = find_gaps([0, 30], [0, 30], 31, 5, "painted")
    assert [z for z, _ in filled(filling(gap), 1, 0, {})] == list(gap.slices)


def test_nearest_first() -> None:
    one = filling(outer(40))
    assert one.distance == 1
    one.deal()
    assert one.distance == 9
