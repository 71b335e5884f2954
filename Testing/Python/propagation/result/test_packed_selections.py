"""Selections of many slices as one table."""

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from PatchICLLib.propagation.result.packed_selections import PackedSelections
from PatchICLLib.propagation.result.propagation_result import LevelSelection, PatchBox, SliceSelections

numbers = st.floats(allow_nan=False, width=32)
boxes = st.builds(PatchBox, st.integers(0, 999), st.tuples(numbers, numbers), st.tuples(numbers, numbers), numbers)
patches = st.lists(boxes, max_size=3).map(tuple)
levels = st.builds(LevelSelection, st.integers(1, 512), patches, patches, numbers, numbers)
slices = st.builds(SliceSelections, st.integers(0, 999), st.integers(1, 99), st.lists(levels, max_size=2).map(tuple))


@settings(max_examples=40)
@given(st.lists(slices, max_size=3).map(tuple))
def test_selections_survive_the_journey(selections: tuple[SliceSelections, ...]) -> None:
    again = PackedSelections.unpacked(json.loads(json.dumps(PackedSelections.pack(selections).packed)))
    assert tuple(again) == selections and again == selections and len(again) == len(selections)


def test_one_slice_is_found_by_index_and_label() -> None:
    box = PatchBox(4, (0.5, 1.5), (8.0, 8.0), 0.25)
    level = LevelSelection(32, (box,), (), 0.5, 0.75)
    packed = PackedSelections.pack(SliceSelections(index, label, (level,)) for index in (3, 4) for label in (1, 2))
    assert packed.find(4, 2) == SliceSelections(4, 2, (level,))
    assert packed.find(4) == SliceSelections(4, 1, (level,))
    assert packed.find(5) is None and packed.find(4, 3) is None
    assert packed[1:3] == (packed[1], packed[2])


def test_shared_context_is_kept_once() -> None:
    context = tuple(PatchBox(3, (float(n), 0.0), (8.0, 8.0), 0.5) for n in range(200))
    level = LevelSelection(32, (), context, 0.5, 0.75)
    few, many = (PackedSelections.pack([SliceSelections(4, 1, (level,))] * count) for count in (1, 50))
    assert len(many.packed["patches"]) == len(few.packed["patches"])


@settings(max_examples=40)
@given(st.lists(st.lists(slices, max_size=3), max_size=3), st.data())
def test_parts_are_those_of_a_tuple(parts: list[list[SliceSelections]], data: st.DataObject) -> None:
    """Joined, cut, chosen and relabelled as a tuple of the same would be."""
    packed, whole = [PackedSelections.pack(part) for part in parts], tuple(one for part in parts for one in part)
    joined = PackedSelections.joined(packed)
    assert joined == whole
    first, last = (data.draw(st.integers(0, len(whole))) for _ in range(2))
    assert joined[first:last] == whole[first:last]
    numbers = data.draw(st.lists(st.integers(0, len(whole) - 1), unique=True)) if whole else []
    chosen = joined.chosen(numbers)
    assert chosen == tuple(whole[n] for n in numbers)
    assert PackedSelections.joined([chosen]) == chosen and PackedSelections.joined([chosen]).nbytes <= joined.nbytes
    assert joined.of_label(7) == tuple(replace(one, label=7) for one in whole)


def test_joining_leaves_out_what_belongs_to_none() -> None:
    box = PatchBox(4, (0.5, 1.5), (8.0, 8.0), 0.25)
    level = LevelSelection(32, (box,), (box, box), 0.5, 0.75)
    many = PackedSelections.pack([SliceSelections(index, 1, (level,)) for index in range(9)])
    row = 6 * 8
    assert many.nbytes == (9 + 2) * row and PackedSelections.joined([many[:1], many[4:5]]).nbytes == (2 + 2) * row
