"""How far others are listened to, and what becomes of slices then."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from PatchICLLib.propagation.refinement.across_slices import TEMPERATURE
from PatchICLLib.propagation.result.filled_slices import FilledSlices
from PatchICLLib.propagation.subjects.finished_structure import FinishedStructure
from PatchICLLib.propagation.subjects.guard import Worth, shares_of_subjects, size_ratio, slices_to_leave_out
from PatchICLLib.propagation.subjects.opinion import Opinion

SHARES = st.floats(0, 1)


@given(
    st.tuples(SHARES, SHARES),
    st.tuples(SHARES, SHARES),
    st.floats(0.1, 10),
    st.integers(1, 9),
    st.lists(st.floats(0, 5), min_size=2),
    st.booleans(),
)
def test_better_agreement_never_weighs_less_nor_does_distance(
    left_out: tuple[float, float],
    apart: tuple[float, float],
    size: float,
    painted: int,
    distances: list[float],
    is_beyond: bool,
) -> None:
    near_to_far = np.sort(distances)
    worse, better = (Worth(pick(left_out), pick(apart), painted_size=size) for pick in (min, max))
    beyond = np.full(len(distances), is_beyond)
    little, much = (shares_of_subjects(worth, painted, near_to_far, beyond) for worth in (worse, better))
    assert (little >= 0).all() and (little <= much).all() and (much <= 0.75).all()
    assert (np.diff(much) >= 0).all()
    between = shares_of_subjects(better, painted, near_to_far, np.zeros(len(distances), bool))
    # with several painted slices subjects by themselves do not go on beyond the outermost
    assert (much <= between).all() and (much <= 0.5).all() if is_beyond and painted > 1 else (much == between).all()


@given(SHARES, SHARES, st.floats(0.1, 10), st.floats(0.1, 10), st.integers(1, 9), st.floats(0, 5))
def test_subjects_never_count_for_more_than_hints_where_what_is_painted_is_of_another_size(
    left_out: float, apart: float, said: float, size: float, painted: int, distance: float
) -> None:
    worth = Worth(left_out, apart, said, size)
    share, alike, mirrored = (
        float(shares_of_subjects(one, painted, np.array([distance]), np.zeros(1, bool))[0])
        for one in (worth, Worth(left_out, apart, said), Worth(left_out, apart, said, 1 / size))
    )
    assert share <= alike and (share <= 0.5 or 0.74 < size < 1.34)
    assert share == mirrored or 1.33 < max(size, 1 / size) < 1.34
    assert share <= 0.5 or apart >= 0.6  # nor where one by one they say something else


def _share(painted: int, *worth: float) -> float:
    return float(shares_of_subjects(Worth(*worth), painted, np.zeros(1), np.zeros(1, bool))[0])


def test_subjects_that_say_otherwise_are_not_listened_to() -> None:
    assert _share(1, 0.2) == _share(3, 0.55) == _share(5, 0.0) == 0
    assert _share(3, 0.9, 0.3) == 0  # hints of the other slices, not what subjects know
    assert 0 < _share(1, 0.9, 0.3) == _share(1, 0.55, 0.9, 2.0) < _share(1, 0.9, 0.9)
    assert 0 < _share(1, 0.4, 0.9) < _share(1, 0.55, 0.3)
    beside, far = shares_of_subjects(Worth(0.9), 3, np.array([0.0, 2.0]), np.zeros(2, bool))
    assert 0 < beside < 0.5 < far


@given(SHARES, SHARES, st.floats(0.1, 10), st.floats(0.1, 10), SHARES)
def test_only_subjects_who_are_trusted_count_for_more_where_they_find_it_unpainted(
    left_out: float, apart: float, size: float, painted_size: float, unpainted: float
) -> None:
    worth = Worth(left_out, apart, size, painted_size)
    before, asked = (
        float(shares_of_subjects(one, 1, np.zeros(1), np.zeros(1, bool))[0])
        for one in (worth, replace(worth, unpainted=unpainted))
    )
    is_found = unpainted >= max(left_out - 0.05, 0.7)
    assert asked == (0.85 if before == 0.75 and is_found else before)
    assert worth.leads_beside_one == (before == 0.75)
    several = [
        shares_of_subjects(one, 3, np.ones(1), np.zeros(1, bool))
        for one in (worth, replace(worth, unpainted=unpainted))
    ]
    assert several[0] == several[1]


@pytest.mark.parametrize(("size", "is_trusted"), [(0.5, False), (0.8, True), (1.3, True), (1.6, False)])
def test_a_structure_of_another_size_than_the_subjects_is_trusted_less(size: float, is_trusted: bool) -> None:
    assert (_share(1, 0.9, 0.9, size) > 0.5) == is_trusted


def test_sizes_are_compared_as_if_frames_were_equal() -> None:
    assert size_ratio(8000.0, 20.0, [(1000.0, 10.0), (125.0, 5.0), (9e9, 40.0)]) == pytest.approx(1.0)


def test_large_slices_are_left_out_in_turn() -> None:
    areas = np.array([3.0, 90.0, 100.0, 60.0, 80.0, 5.0])
    assert sorted(slices_to_leave_out([2, 4, 6, 8, 9, 11], areas)) == [4, 6, 9]
    assert slices_to_leave_out([7], np.array([1.0])) == [7]


def _opinion(weight: float, probability: torch.Tensor) -> Opinion:
    return Opinion(1, np.full(3, weight), (3, 4, 5), (slice(2, 6), slice(1, 5)), probability, (), Worth(0.9), 0.8)


def _logits(probability: torch.Tensor) -> torch.Tensor:
    return TEMPERATURE * torch.logit(probability.clamp(1e-6, 1 - 1e-6))


@pytest.mark.parametrize("weight", [0.25, 0.5, 1.0])
def test_joined_slices_are_averages_of_probabilities_wherever_either_looked(weight: float) -> None:
    generator = torch.Generator().manual_seed(3)
    theirs, own = torch.rand(3, 4, 4, generator=generator), torch.rand(2, 5, 3, generator=generator)
    filled = FilledSlices(1, (4, 7), (slice(4, 9), slice(0, 3)), _logits(own))
    joined = _opinion(weight, theirs).joined(filled)
    assert joined.window == (slice(2, 9), slice(0, 5)) and joined.indices == (4, 7)
    expected = np.zeros((2, 12, 8))
    expected[:, 4:9, 0:3] += (1 - weight) * own.numpy()
    expected[0, 2:6, 1:5] += weight * theirs[1].numpy()
    seen = torch.sigmoid(joined.logits / TEMPERATURE).numpy()
    np.testing.assert_allclose(seen, expected[:, 2:9, 0:5], atol=1e-5)


@given(st.floats(0.01, 100))
def test_too_large_counts_as_too_small_does(size: float) -> None:
    large, small = Worth(0.9, size=size), Worth(0.9, size=1 / size)
    assert large.off_size >= 1 and large.off_size == pytest.approx(small.off_size)
    assert large.has_own_size or not 0.84 < size < 1.19
    assert not (large.has_own_size and (size < 0.83 or size > 1.21)) and not Worth(0.9, size=0.0).has_own_size


def test_nothing_changes_where_nobody_listens() -> None:
    filled = FilledSlices(1, (4,), (slice(0, 2), slice(0, 2)), torch.randn(1, 2, 2))
    opinion = _opinion(0.0, torch.rand(3, 4, 4))
    assert opinion.joined(filled) is filled and opinion.alone(range(9)) is None


def test_slices_beyond_what_painted_ones_reach_have_the_subjects_share() -> None:
    probability = torch.full((3, 4, 4), 0.9)
    alone = _opinion(0.75, probability).alone([0, 4, 5, 8])
    assert alone is not None and alone.indices == (4, 5)
    torch.testing.assert_close(torch.sigmoid(alone.logits / TEMPERATURE), torch.full((2, 4, 4), 0.675))
    assert _opinion(0.5, probability).alone([0, 8]) is None


def test_a_slice_is_compared_where_others_say_something_and_0_elsewhere() -> None:
    probability = torch.zeros(3, 4, 4)
    probability[1, 1:3, :2] = 0.8
    mask = np.zeros((9, 9), bool)
    mask[3:5, 1:2] = mask[7, 8] = True
    opinion = _opinion(0.5, probability)
    assert (
        opinion.dice(4, mask) == pytest.approx(2 * 2 / (4 + 3)) and opinion.dice(3, mask) == opinion.dice(9, mask) == 0
    )


@pytest.mark.parametrize(("parts", "expected"), [(1, {12}), (2, {12, 6}), (3, {12, 6}), (4, {12, 6})])
def test_as_many_parts_are_looked_at_as_the_subjects_have(parts: int, expected: set[int]) -> None:
    probability = torch.zeros(3, 9, 20)
    probability[:2, :3, :2] = 0.9  # 12 voxels
    probability[:, 4:6, 4] = 0.6  # 6 of a pair
    probability[0, 8, 19] = 0.9  # and one of noise
    mask = np.zeros((4, 9, 24), bool)
    for number in range(parts):
        mask[1:3, 2:5, 6 * number : 6 * number + 4 - number % 2] = True
    mask[0, 8, 23] = True  # a speck is no part
    subject = FinishedStructure(np.zeros(mask.shape, np.float32), mask, (1.0, 1.0, 1.0))
    assert subject.parts == parts
    window = (slice(1, 10), slice(2, 22))
    opinion = Opinion(1, np.ones(3), (3, 4, 5), window, probability, ((subject, (1,)),), None, 0.8)
    found = opinion.largest_parts((9, 12, 24))
    assert found is not None
    sizes = np.bincount(ndimage.label(found)[0].ravel())[1:]
    assert set(sizes.tolist()) == expected


def test_the_largest_part_lies_where_it_was_found() -> None:
    probability = torch.zeros(3, 4, 4)
    assert _opinion(0.5, probability).largest_parts((9, 9, 9)) is None
    probability[0, 0, 0] = 0.9
    probability[1:, 1:3, 2] = 0.6
    found = _opinion(0.5, probability).largest_parts((9, 9, 9))
    assert found is not None and found.shape == (9, 9, 9) and found[4:6, 3:5, 3].all() and found.sum() == 4
