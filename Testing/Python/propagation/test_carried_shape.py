"""Painted shapes carried along an axis: as slices across show it, and nowhere else."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from PatchICLLib.propagation.carried_shape import REACH, CarriedShape

CPU = torch.device("cpu")
EVERYWHERE = slice(0, 40), slice(0, 36), slice(0, 44)
SPACING = (1.0, 1.0, 1.0)


def body(radii: tuple[float, float, float], lean: tuple[float, float]) -> np.ndarray:
    """(40, 36, 44) uint8: an ellipsoid of label 3 whose middles run sideways from slice to slice."""
    k, j, i = np.ogrid[:40, :36, :44]
    up = k - 20
    inside = (
        (up / radii[0]) ** 2 + ((j - 18 - lean[0] * up) / radii[1]) ** 2 + ((i - 22 - lean[1] * up) / radii[2]) ** 2
    )
    return np.where(inside < 1, np.uint8(3), np.uint8(0))


def carried(painting: np.ndarray, axis: int, own: list[int], across: dict[int, list[int]]) -> CarriedShape | None:
    return CarriedShape.of(painting, 3, axis, own, across, SPACING, CPU)


@settings(max_examples=20)
@given(
    st.tuples(st.floats(8, 14), st.floats(6, 9), st.floats(7, 10)),
    st.tuples(st.floats(-0.3, 0.3), st.floats(-0.5, 0.5)),
)
def test_shape_moves_and_grows_as_slices_across_show(
    radii: tuple[float, float, float], lean: tuple[float, float]
) -> None:
    truth = body(radii, lean)
    shape = carried(truth, 0, [20], {1: [18], 2: [22]})
    assert shape is not None
    distances, known = shape.within(EVERYWHERE)
    held = (truth[:, 18] == 3).any(1) & (truth[:, :, 22] == 3).any(1)
    assert known.tolist() == [z != 20 for z in range(40)]
    found = (distances > 0).numpy() & known[:, None, None]
    at = known & held
    overlap = 2 * (found[at] & (truth[at] == 3)).sum() / (found[at].sum() + (truth[at] == 3).sum())
    assert overlap > 0.8
    assert distances.abs().max() <= 2 * REACH


def test_nothing_is_carried_to_where_the_lines_show_nothing() -> None:
    truth = body((8, 7, 9), (0.0, 0.0))
    shape = carried(truth, 0, [20], {1: [18], 2: [22]})
    assert shape is not None
    distances, _ = shape.within(EVERYWHERE)
    assert (distances[:12] <= 0).all() and (distances[29:] <= 0).all()


def test_between_two_painted_slices_it_says_nothing_and_beyond_each_carries_its_own() -> None:
    truth = body((14, 7, 9), (0.2, 0.0))
    shape = carried(truth, 0, [15, 25], {1: [18]})
    assert shape is not None
    _, known = shape.within(EVERYWHERE)
    assert known.tolist() == [z < 15 or z > 25 for z in range(40)]
    assert shape.shapes[14] != shape.shapes[26]


@pytest.mark.parametrize(
    ("own", "across"),
    [
        ([20], {}),  # nothing across
        ([20], {1: [2]}),  # a slice across that does not meet it
        ([2], {1: [18], 2: [22]}),  # a slice without the label
        ([2, 20, 38], {1: [18]}),  # the structure ends between painted slices
    ],
)
def test_nothing_to_carry(own: list[int], across: dict[int, list[int]]) -> None:
    assert carried(body((10, 7, 9), (0.0, 0.0)), 0, own, across) is None


@settings(max_examples=20)
@given(st.permutations(range(3)), st.tuples(*[st.booleans()] * 3))
def test_the_order_of_axes_changes_nothing(order: list[int], mirrored: tuple[bool, bool, bool]) -> None:
    truth, planes = body((12, 7, 9), (0.2, 0.3)), {0: [20], 1: [18], 2: [22]}
    turned = np.flip(truth.transpose(order), [a for a in range(3) if mirrored[a]])
    places = {a: [turned.shape[a] - 1 - planes[order[a]][0] if mirrored[a] else planes[order[a]][0]] for a in range(3)}
    straight, other = (
        carried(truth, 0, planes[0], planes),
        carried(turned, order.index(0), places[order.index(0)], places),
    )
    assert straight is not None and other is not None
    expected, _ = straight.within(EVERYWHERE)
    found, _ = other.within(tuple(EVERYWHERE[a] for a in order))  # type: ignore[arg-type]
    back = (
        found.movedim(0, order.index(0)).flip([a for a in range(3) if mirrored[a]]).permute(*np.argsort(order).tolist())
    )
    # places half-way between two voxels are rounded to the even one
    assert ((back > 0) != (expected > 0)).float().mean() < 0.01


def test_a_box_is_a_part_of_the_whole() -> None:
    shape = carried(body((12, 7, 9), (0.2, 0.3)), 1, [18], {0: [20], 2: [22]})
    assert shape is not None
    whole, _ = shape.within(EVERYWHERE)
    part, _ = shape.within((slice(7, 19), slice(3, 30), slice(11, 40)))
    assert torch.equal(part, whole[3:30, 7:19, 11:40])
