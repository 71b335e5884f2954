"""Candidates keep to what is painted and known, differ visibly, and are given only where the model is torn."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from PatchICLLib.propagation.candidates.find import Known, find_candidates, joined_candidates
from PatchICLLib.propagation.geometry.evidence import SINGLE, Evidence
from PatchICLLib.propagation.result.propagation_result import Candidate, PropagationResult

SHAPE = (10, 22, 20)
AT_MOST = 0.95  # Dice of two candidates


def result_of(labels: np.ndarray, probability: np.ndarray) -> PropagationResult:
    return PropagationResult(labels, probability.astype(np.float32), None, None, {})


def dice(one: np.ndarray, other: np.ndarray) -> float:
    sizes = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / sizes if sizes else 1.0


@dataclass
class Torn:
    """Anything that an engine may give, and what it was given.

    Attributes: result, known: as `find_candidates` takes them.
    """

    result: PropagationResult
    known: Known


@st.composite
def torn(draw: st.DrawFn) -> Torn:
    """Smooth probabilities of one to three labels, painted on planes of one or two axes, and evidence."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    names = draw(st.sampled_from([(1,), (1, 2), (2, 5, 300)]))
    smooth = draw(st.sampled_from([1.0, 2.0, 4.0]))
    fields = np.stack([ndimage.gaussian_filter(random.normal(size=SHAPE), smooth) for _ in names])
    fields = 3 * fields / fields.std() - draw(st.sampled_from([0.0, 2.0]))
    best = fields.argmax(0)
    likely = 1 / (1 + np.exp(-fields.max(0)))
    labels = np.where(likely > 0.5, np.array(names)[best], 0).astype(np.uint16)
    painted = np.zeros_like(labels)
    planes: dict[int, list[tuple[int, int]]] = {name: [] for name in names}
    for name in names:
        for axis, index in draw(st.sets(st.tuples(st.sampled_from([0, 0, 1]), st.integers(0, 9)), max_size=4)):
            planes[name].append((axis, index))
    for name, own in planes.items():
        for axis, index in own:
            place = (slice(None),) * axis + (index,)
            painted[place] = np.where(labels[place] == name, name, painted[place])
            likely[place] = np.where(
                (labels[place] == name) | (labels[place] == 0), labels[place] == name, likely[place]
            )
    evidence = None
    if draw(st.booleans()):
        codes = np.where(random.random(SHAPE) < 0.2, random.integers(1, 4, SHAPE), 0).astype(np.uint8)
        evidence = Evidence(codes, {3: frozenset(names[:1])})
        labels[(codes == 2) & (painted == 0)] = 0
        labels[(codes == 3) & (labels == names[0]) & (painted == 0)] = 0
    likely[painted != 0] = 1
    return Torn(result_of(labels, likely), Known(painted, planes, (3.0, 1.0, 1.0), evidence))


@settings(max_examples=12, deadline=None)
@given(torn(), st.integers(2, 4), st.integers(0, 5))
def test_what_is_known_stays_and_candidates_differ(torn: Torn, count: int, seed: int) -> None:
    own, known = torn.result.labels, torn.known
    before = own.copy()
    found = find_candidates(torn.result, known, count, seed)
    assert (own == before).all() and (found[0].labels == own).all()
    assert 1 <= len(found) <= count
    assert sum(one.probability for one in found) == pytest.approx(1)
    assert [one.probability for one in found[1:]] == sorted((one.probability for one in found[1:]), reverse=True)
    names = list(known.planes)
    for one in found:
        changed = one.labels != own
        assert one.labels.dtype == own.dtype
        assert not (changed & (known.painted != 0)).any()
        for name, planes in known.planes.items():
            for axis, index in planes:
                place = (slice(None),) * axis + (index,)
                assert ((one.labels[place] == name) == (own[place] == name)).all()
        if known.evidence is not None:
            codes = known.evidence.codes
            assert not (changed & (codes == SINGLE)).any()
            assert not (one.labels[changed & (codes == 2)] > 0).any()
            assert not (one.labels[changed & (codes == 3)] == names[0]).any()
    unpainted = known.painted == 0
    for number, one in enumerate(found):
        for other in found[:number]:
            assert min(dice((one.labels == n) & unpainted, (other.labels == n) & unpainted) for n in names) <= AT_MOST
    again = find_candidates(torn.result, known, count, seed)
    assert all(
        (a.labels == b.labels).all() and a.probability == b.probability for a, b in zip(found, again, strict=True)
    )


@settings(max_examples=4, deadline=None)
@given(torn())
def test_the_same_is_found_within_a_box_that_holds_all(torn: Torn) -> None:
    wider = tuple((4, 4) for _ in range(3))
    labels = np.pad(torn.result.labels, wider)
    evidence = torn.known.evidence
    known = Known(
        np.pad(torn.known.painted, wider),
        {name: [(axis, index + 4) for axis, index in planes] for name, planes in torn.known.planes.items()},
        torn.known.spacing,
        None if evidence is None else Evidence(np.pad(evidence.codes, wider), evidence.excluded),
    )
    box = tuple(slice(4, 4 + n) for n in SHAPE)
    result = PropagationResult(
        labels,
        np.pad(torn.result.probability, wider),
        None,
        None,
        {},
        None,
        (box,),  # type: ignore[arg-type]
    )
    inner, outer = find_candidates(torn.result, torn.known, 4), find_candidates(result, known, 4)
    assert [one.probability for one in inner] == [one.probability for one in outer]
    assert all((a.labels == b.labels[box]).all() for a, b in zip(inner, outer, strict=True))


def body(sure: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Probability of a ball, painted on its middle slice."""
    k, j, i = np.ogrid[:20, :40, :60]
    probability = np.where((k - 10) ** 2 + (j - 20) ** 2 + (i - 16) ** 2 <= 64, sure, 0.0)
    painted = np.zeros(probability.shape, np.uint8)
    painted[10] = probability[10] > 0.5
    return probability, painted


def test_a_model_that_is_sure_gives_one_answer() -> None:
    probability, painted = body(0.99)
    found = find_candidates(
        result_of((probability > 0.5).astype(np.uint8), probability), Known(painted, {1: [(0, 10)]}, (1, 1, 1)), 4
    )
    assert [one.probability for one in found] == [1.0]


def test_an_outline_that_is_unsure_by_a_voxel_is_no_other_answer() -> None:
    probability, painted = body(0.99)
    k, j, i = np.ogrid[:20, :40, :60]
    distance = np.sqrt((k - 10.0) ** 2 + (j - 20) ** 2 + (i - 16) ** 2)
    probability = 1 / (1 + np.exp(8 * (distance - 15)))
    probability[10] = distance[10] <= 15
    painted[10] = probability[10]
    found = find_candidates(
        result_of((probability > 0.5).astype(np.uint8), probability), Known(painted, {1: [(0, 10)]}, (1, 1, 1)), 4
    )
    assert [one.probability for one in found] == [1.0]


@pytest.mark.parametrize("likely", [0.4, 0.6])
def test_a_branch_that_may_belong_is_in_or_out_as_a_whole(likely: float) -> None:
    probability, painted = body()
    branch = np.zeros(probability.shape, bool)
    branch[11:15, 17:24, 24:50] = True
    branch &= probability == 0
    probability[branch] = likely
    labels = (probability > 0.5).astype(np.uint8)
    found = find_candidates(result_of(labels, probability), Known(painted, {1: [(0, 10)]}, (1, 1, 1)), 4)
    assert len(found) == 2
    assert (found[1].labels[branch] == (likely < 0.5)).all()
    assert (found[1].labels[~branch] == labels[~branch]).all()
    assert 0.5 < found[0].probability < 0.8


def test_the_end_beyond_the_last_painted_slice_is_reached_earlier_or_later() -> None:
    k, j, i = np.ogrid[:30, :30, :30]
    column = ((j - 15) ** 2 + (i - 15) ** 2 <= 49) & (k >= 5)
    probability = np.where(column, 1 / (1 + np.exp((k - 17) / 2)), 0)
    painted = np.zeros(probability.shape, np.uint8)
    painted[5], painted[10] = column[5], column[5]
    probability[:11] = column[:11]
    labels = (probability > 0.5).astype(np.uint8)
    found = find_candidates(result_of(labels, probability), Known(painted, {1: [(0, 5), (0, 10)]}, (1, 1, 1)), 4)
    ends = [int(np.flatnonzero(one.labels.any((1, 2))).max()) for one in found]
    assert len(found) >= 3 and min(ends) < ends[0] < max(ends)
    for one in found:
        assert (one.labels[:11] == labels[:11]).all()
        slices = one.labels.any((1, 2))
        assert slices[5 : slices.nonzero()[0].max() + 1].all()


def test_no_slice_comes_out_empty_between_two_that_hold_the_structure() -> None:
    k, j, i = np.ogrid[:12, :30, :30]
    column = ((j - 15) ** 2 + (i - 15) ** 2 <= 49) & (k >= 2) & (k <= 9)
    ramp = 0.52 + 0.2 * (i - 8) / 14
    probability = np.where(column, ramp, 0)
    painted = np.zeros(probability.shape, np.uint8)
    for index in (2, 9):
        painted[index] = column[index]
        probability[index] = column[index]
    found = find_candidates(
        result_of((probability > 0.5).astype(np.uint8), probability),
        Known(painted, {1: [(0, 2), (0, 9)]}, (1, 1, 1)),
        4,
    )
    assert len(found) > 1
    assert all(one.labels[2:10].any((1, 2)).all() for one in found)


def test_layers_know_nothing_of_each_other() -> None:
    one, two, three = (np.full((2, 3, 4), value, np.uint8) for value in (1, 2, 3))
    layers = [(Candidate(one, 0.6), Candidate(two, 0.4)), (Candidate(three, 0.7), Candidate(one, 0.3))]
    found = joined_candidates(layers, 3)
    assert [tuple(c.labels[:, 0, 0, 0]) for c in found] == [(1, 3), (2, 3), (1, 1)]
    total = 0.42 + 0.28 + 0.18
    assert [c.probability for c in found] == pytest.approx([0.42 / total, 0.28 / total, 0.18 / total])
