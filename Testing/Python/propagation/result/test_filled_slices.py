"""Slices that were filled together, taken apart and put together again."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.propagation.result.filled_slices import FilledSlices
from PatchICLLib.propagation.result.packed_selections import PackedSelections
from PatchICLLib.propagation.result.propagation_result import SliceSelections
from PatchICLLib.propagation.result.slice_logits import SliceLogits


def slices(indices: list[int], window: tuple[slice, slice] = (slice(2, 5), slice(1, 5))) -> FilledSlices:
    """Every logit tells of its slice; levels were asked for of even slices."""
    shape = [span.stop - span.start for span in window]
    values = np.stack([np.arange(shape[0] * shape[1]).reshape(shape) + 100.0 * z for z in indices])
    selections = PackedSelections.pack(SliceSelections(z, 3, ()) for z in indices)
    levels = {z: SliceLogits(z, 3, (0, 0), (1, 1), ()) for z in indices if z % 2 == 0}
    return FilledSlices(3, tuple(indices), window, torch.from_numpy(values), selections, levels)


def same(one: FilledSlices, other: FilledSlices) -> bool:
    return (
        (one.label, one.indices, one.window) == (other.label, other.indices, other.window)
        and torch.equal(one.logits, other.logits)
        and one.selections == other.selections
        and one.levels == other.levels
    )


@given(st.lists(st.integers(0, 30), min_size=1, max_size=6, unique=True), st.data())
def test_parts_are_what_they_would_be_by_themselves(indices: list[int], data: st.DataObject) -> None:
    whole = slices(indices)
    cut = data.draw(st.integers(0, len(indices) - 1))
    numbers = data.draw(st.lists(st.integers(0, len(indices) - 1), min_size=1, unique=True))
    assert same(whole[cut:], slices(indices[cut:]))
    assert same(whole.chosen(numbers), slices([indices[n] for n in numbers]))
    parts = [part for part in (whole[:cut], whole[cut:]) if len(part)]
    assert same(FilledSlices.joined(parts), whole)


spans = st.tuples(st.integers(0, 8), st.integers(0, 8)).map(lambda ends: slice(min(ends), max(ends)))


@given(st.tuples(spans, spans))
def test_within_limits(limits: tuple[slice, slice]) -> None:
    whole = slices([4, 7])
    plane, inside = np.full((2, 8, 8), np.nan), np.full((2, 8, 8), np.nan)
    plane[:, *whole.window] = whole.logits
    cut = whole.within(limits)
    inside[:, *cut.window] = cut.logits
    expected = np.full_like(plane, np.nan)
    expected[:, *limits] = plane[:, *limits]
    np.testing.assert_array_equal(inside, expected)
    assert all(span.stop - span.start >= 0 for span in cut.window) and cut.levels == whole.levels
