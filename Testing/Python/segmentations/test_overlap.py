"""Segments are put into few layers, none on top of another."""

from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.segmentations.overlap import groups_without_overlap

pairs = st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)))


@given(st.integers(0, 8), pairs)
def test_groups_hold_everything_once_and_no_overlap(count: int, overlapping: set[tuple[int, int]]) -> None:
    def overlap(one: int, other: int) -> bool:
        return (one, other) in overlapping or (other, one) in overlapping

    groups = groups_without_overlap(count, overlap)
    assert sorted(one for group in groups for one in group) == list(range(count))
    assert not any(overlap(one, other) for group in groups for one in group for other in group if one < other)
    most = max((sum(overlap(one, other) for other in range(count) if other != one) for one in range(count)), default=-1)
    assert len(groups) <= most + 1


def test_groups_are_as_few_as_can_be() -> None:
    """An organ that overlaps each of its lesions, which do not overlap each other; and nothing that overlaps."""
    assert groups_without_overlap(4, lambda one, other: 1 in (one, other)) == [[0, 2, 3], [1]]
    assert groups_without_overlap(3, lambda one, other: False) == [[0, 1, 2]]
