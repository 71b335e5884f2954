"""Candidates of the engine: beside the same result, whatever the order of axes, and in layers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from PatchICLLib.cascade.sparse import SparseCascade
from PatchICLLib.errors import Cancelled, InputError
from PatchICLLib.propagation import CancelToken, PropagationResult, Propagator
from PatchICLLib.weights import Pretrained


@pytest.fixture
def new_engine(small_model: SparseCascade) -> Callable[[], Propagator]:
    """Makes engines that are torn wherever the small one is not quite sure."""
    card = {"calibration": {"temperature": 4.0}}
    return lambda: Propagator(Pretrained(small_model, "small", "sparse", "0" * 64, card), torch.device("cpu"))


def asked(engine: Propagator, scan: Any, **options: Any) -> PropagationResult:
    return engine.propagate(scan.image, scan.painted, scan.spacing, **options)


def test_candidates_leave_the_result_as_it_is(engine: Propagator, scan: Any) -> None:
    plain = asked(engine, scan, outputs=frozenset({"entropy"}))
    found = asked(engine, scan, outputs=frozenset({"entropy"}), candidates=4)
    assert plain.candidates is None and "candidates" not in plain.report
    assert (found.labels == plain.labels).all() and (found.entropy == plain.entropy).all()
    assert found.probability is None
    assert found.candidates is not None and 1 < len(found.candidates) <= 4
    assert found.candidates[0].labels is found.labels
    said = found.report["candidates"]
    assert [one["probability"] for one in said] == [one.probability for one in found.candidates]
    assert sum(one["probability"] for one in said) == pytest.approx(1)
    for one, candidate in zip(said, found.candidates, strict=True):
        changed = candidate.labels != found.labels
        assert (candidate.labels[scan.painted != 0] == scan.painted[scan.painted != 0]).all()
        assert not changed[[7, 10]].any() and not (candidate.labels[3] == 1)[scan.painted[3] != 1].any()
        assert one["added"] + one["removed"] == changed.sum()
        most = changed.sum((1, 2))
        assert one["most_different_slice"] == (int(most.argmax()) if most.any() else None)


def test_the_probability_is_kept_where_it_is_wanted(engine: Propagator, scan: Any) -> None:
    plain = asked(engine, scan)
    assert (asked(engine, scan, candidates=2).probability == plain.probability).all()


@pytest.mark.parametrize("turn", [lambda a: a[:, :, ::-1], lambda a: a.transpose(2, 0, 1), lambda a: a[::-1, ::-1]])
def test_candidates_do_not_depend_on_the_order_of_axes(
    new_engine: Callable[[], Propagator], scan: Any, turn: Callable[[np.ndarray], np.ndarray]
) -> None:
    straight = asked(new_engine(), scan, axis=0, candidates=3)
    order = np.argsort(np.array(turn(np.empty((2, 3, 4))).shape))  # which axis is where now
    spacing = [0.0, 0.0, 0.0]
    for axis, place in enumerate(order):
        spacing[place] = scan.spacing[axis]
    turned = new_engine().propagate(
        turn(scan.image), turn(scan.painted), tuple(spacing), axis=int(order[0]), candidates=3
    )
    assert straight.candidates is not None and turned.candidates is not None
    assert [one.probability for one in turned.candidates] == [one.probability for one in straight.candidates]
    for one, other in zip(turned.candidates, straight.candidates, strict=True):
        assert (one.labels == turn(other.labels)).all()


def test_layers_have_candidates_together(engine: Propagator, scan: Any) -> None:
    layers = np.stack([np.where(scan.painted == label, label, 0).astype(np.uint8) for label in (1, 2)])
    found = engine.propagate(scan.image, layers, scan.spacing, candidates=3)
    assert found.candidates is not None and len(found.candidates) > 1
    assert sum(one.probability for one in found.candidates) == pytest.approx(1)
    assert (found.candidates[0].labels == found.labels).all()
    for one in found.candidates:
        assert one.labels.shape == layers.shape and one.labels.dtype == layers.dtype
        assert (one.labels[layers != 0] == layers[layers != 0]).all()


def test_a_stopped_propagation_has_no_candidates(engine: Propagator, scan: Any) -> None:
    token = CancelToken()

    def stop(progress: Any) -> None:
        if progress.done >= 2:
            token.cancel()

    with pytest.raises(Cancelled) as stopped:
        asked(engine, scan, candidates=4, cancel=token, progress=stop, outputs=frozenset())
    assert stopped.value.partial.candidates is None and stopped.value.partial.probability is None


@pytest.mark.parametrize("count", [0, 5, -1, 2.5])
def test_other_numbers_are_refused(engine: Propagator, scan: Any, count: Any) -> None:
    with pytest.raises(InputError, match="1 to 4"):
        asked(engine, scan, candidates=count)


@pytest.mark.parametrize("turn", [lambda a: a, lambda a: a[:, ::-1, ::-1], lambda a: a.transpose(1, 2, 0)[::-1]])
def test_planes_of_several_axes_stay_exact(
    new_engine: Callable[[], Propagator], scan: Any, turn: Callable[[np.ndarray], np.ndarray]
) -> None:
    painted = np.zeros_like(scan.labels)
    for label, planes in {1: [(0, 7), (1, 12)], 2: [(1, 26), (2, 19)]}.items():
        for axis, index in planes:
            place = (slice(None),) * axis + (index,)
            painted[place] = np.where(scan.labels[place] == label, label, painted[place])
    order = np.argsort(np.array(turn(np.empty((2, 3, 4))).shape))
    spacing = [0.0, 0.0, 0.0]
    for axis, place in enumerate(order):
        spacing[place] = scan.spacing[axis]
    found = new_engine().propagate(turn(scan.image), turn(painted), tuple(spacing), candidates=4)
    assert found.candidates is not None and len(found.candidates) > 1
    for one in found.candidates:
        assert (one.labels[turn(painted) != 0] == turn(painted)[turn(painted) != 0]).all()
        changed = one.labels != found.labels
        for plane, label in (((slice(7, 8),), 1), ((slice(None), slice(12, 13)), 1), ((slice(None), slice(26, 27)), 2)):
            on_plane = np.zeros(scan.labels.shape, bool)
            on_plane[plane] = True
            there = changed & turn(on_plane)
            assert not (there & ((one.labels == label) | (found.labels == label))).any()
