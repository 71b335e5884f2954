"""Slices between predicted ones are their means, each given once, as soon as both are known."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from PatchICLLib.propagation.result.filled_slices import FilledSlices
from PatchICLLib.propagation.result.packed_selections import PackedSelections
from PatchICLLib.propagation.result.propagation_result import SliceSelections
from PatchICLLib.propagation.subjects.every_second import EverySecond


def _predicted(indices: list[int], value: float = 0.0, rows: slice = slice(2, 4)) -> FilledSlices:
    """Slices whose logits are a linear function of where they are."""
    logits = torch.tensor([float(z) + value for z in indices])[:, None, None].expand(-1, rows.stop - rows.start, 3)
    selections = PackedSelections.pack(SliceSelections(z, 1, ()) for z in indices)
    return FilledSlices(1, tuple(indices), (rows, slice(5, 8)), logits, selections)


@settings(deadline=None)
@given(st.data())
def test_every_slice_beside_a_predicted_one_is_given_once_and_none_else(data: st.DataObject) -> None:
    painted, depth = 20, data.draw(st.integers(22, 50))
    ends = range(data.draw(st.integers(0, 19)), depth)
    odd = [z for z in ends if abs(z - painted) % 2]
    between = frozenset(z for z in ends if z != painted and not abs(z - painted) % 2)
    reached = data.draw(st.permutations(odd))[: data.draw(st.integers(1, len(odd)))]
    predicted = set(reached)
    thinned, given_slices = EverySecond(between), []
    while reached:
        count = data.draw(st.integers(1, len(reached)))
        given_slices += thinned.add(_predicted(reached[:count]))
        reached = reached[count:]
    both = {z for z in between if {z - 1, z + 1} <= predicted}
    assert sorted(z for one in given_slices for z in one.indices) == sorted(both)
    for one in given_slices:
        assert one.window == (slice(2, 4), slice(5, 8)) and one.selections is None
        torch.testing.assert_close(one.logits, torch.tensor(one.indices)[:, None, None].expand(-1, 2, 3).float())
    ending = thinned.rest()
    either = {z for z in between if {z - 1, z + 1} & predicted}
    assert sorted(z for one in ending for z in one.indices) == sorted(either - both)
    for one in ending:
        beside = [next(n for n in (z - 1, z + 1) if n in predicted) for z in one.indices]
        assert one.logits[:, 0, 0].tolist() == beside
    assert thinned.left == len(between - either) and thinned.rest() == []


def test_beyond_the_window_of_one_the_other_is_surely_not_believed() -> None:
    thinned = EverySecond(frozenset({4}))
    assert thinned.add(_predicted([3], 7.0, slice(2, 4))) == []
    (mean,) = thinned.add(_predicted([5], 7.0, slice(3, 6)))
    assert mean.window == (slice(2, 6), slice(5, 8))
    assert mean.logits[0, :, 0].tolist() == pytest.approx([-5, 11, -4, -4])
