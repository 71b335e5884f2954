"""Paired comparisons against numbers computed by hand."""

import pytest

from PatchICLLib.experiments.significance import compare


def test_five_subjects_that_all_gain() -> None:
    found = compare([(name, 0.5 + gain, 0.5) for name, gain in zip("abcde", (0.1, 0.2, 0.3, 0.4, 0.5), strict=True)])
    assert (found.units, found.subjects, found.better) == (5, 5, 1.0)
    assert found.difference == pytest.approx(0.3)
    assert found.p == pytest.approx(2 / 2**5)  # the most extreme of 32 equally likely signs, both sides
    assert found.effect_size == pytest.approx(0.3 / 0.025**0.5)
    assert 0.1 <= found.low < 0.3 < found.high <= 0.5


def test_many_slices_of_one_subject_are_no_evidence_by_themselves() -> None:
    found = compare([("a", 0.9, 0.1)] * 100)
    assert (found.units, found.subjects) == (100, 1)
    assert found.p == 1.0
    assert found.low == found.high == pytest.approx(0.8)


def test_no_difference_at_all() -> None:
    found = compare([("a", 0.5, 0.5), ("b", 0.7, 0.7)])
    assert (found.difference, found.p, found.effect_size, found.better) == (0.0, 1.0, None, 0.5)


def test_swapping_the_models_swaps_the_signs() -> None:
    units = [("a", 0.5, 0.2), ("a", 0.4, 0.6), ("b", 0.9, 0.3), ("c", 0.1, 0.2)]
    there, back = compare(units), compare([(s, second, first) for s, first, second in units])
    assert there.difference == pytest.approx(-back.difference)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert there.p == back.p and there.better == pytest.approx(1 - back.better)
