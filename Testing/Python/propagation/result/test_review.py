"""Which slice to paint next."""

from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.propagation.result.review import suggest_next_slice


def figures(label: int, entropies: dict[int, float]) -> list[dict]:
    return [{"index": z, "label": label, "entropy": e} for z, e in entropies.items()]


def test_nothing_predicted_or_nothing_uncertain() -> None:
    assert suggest_next_slice([], {1: (3,)}) is None
    assert suggest_next_slice(figures(1, {4: 0.0}), {1: (3,)}) is None


def test_middle_of_a_gap_of_equal_doubt() -> None:
    assert suggest_next_slice(figures(1, dict.fromkeys(range(1, 10), 5.0)), {1: (0, 10)}) == 5


def test_a_slice_whose_neighbours_are_in_doubt_too() -> None:
    alone, together = {5: 10.0}, {20: 7.0, 21: 7.0, 22: 7.0}
    flat = dict.fromkeys(range(1, 30), 0.0)
    assert suggest_next_slice(figures(1, {**flat, **alone}), {1: (0, 30)}) == 5
    assert suggest_next_slice(figures(1, {**flat, **alone, **together}), {1: (0, 30)}) == 21


def test_the_label_in_most_doubt_decides() -> None:
    both = figures(1, {4: 2.0}) + figures(2, {7: 3.0})
    assert suggest_next_slice(both, {1: (0,), 2: (0,)}) == 7


@given(st.dictionaries(st.integers(1, 40), st.floats(0, 100), min_size=1))
def test_only_predicted_slices_are_suggested(entropies: dict[int, float]) -> None:
    chosen = suggest_next_slice(figures(3, entropies), {3: (0, 41)})
    assert chosen in entropies if max(entropies.values()) > 0 else chosen is None
