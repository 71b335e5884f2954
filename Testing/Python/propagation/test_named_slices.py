"""Slices of any axis that are declared painted or to be ignored: which of them a plan takes, and which it refuses."""

from typing import Any

import numpy as np
import pytest

from PatchICLLib.errors import InputError
from PatchICLLib.propagation.options import PropagationOptions
from PatchICLLib.propagation.planning import plan_propagation

IMAGE = np.random.default_rng(0).normal(size=(20, 22, 24)).astype(np.float32)
BLOCK = np.zeros(IMAGE.shape, np.uint8)
BLOCK[4:16, 5:17, 6:18] = 1


def planes(across: bool, **options: Any) -> dict[int, dict[int, tuple[int, ...]]]:
    """Of a block that is painted on k = 6, 10, 14 and, if wanted, on j = 10."""
    painted = np.zeros_like(BLOCK)
    painted[[6, 10, 14]] = BLOCK[[6, 10, 14]]
    if across:
        painted[:, 10] = BLOCK[:, 10]
    return plan_propagation(IMAGE, painted, (1.0, 1.0, 1.0), PropagationOptions(**options))[0].painted_planes


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize(
    ("declared", "more"),
    [
        ([3], {0: (3,)}),
        ([(0, 3)], {0: (3,)}),
        ([3, (0, 3), (0, 10)], {0: (3,)}),
        ([(2, 20), (1, 0)], {1: (0,), 2: (20,)}),
        ({1: [(2, 20)], 7: [(2, 21)]}, {2: (20,)}),
        (np.array([[1, 0], [1, 21]]), {1: (0, 21)}),
    ],
)
def test_declared_slices_join_the_painted_ones(across: bool, declared: Any, more: dict[int, tuple[int, ...]]) -> None:
    own = {0: (6, 10, 14), 1: (10,)} if across else {0: (6, 10, 14)}
    wanted = {axis: tuple(sorted({*own.get(axis, ()), *more.get(axis, ())})) for axis in own.keys() | more.keys()}
    assert planes(across, painted_slices=declared) == {1: wanted}


@pytest.mark.parametrize("across", [False, True])
def test_ignored_slices_leave_those_that_are_painted(across: bool) -> None:
    assert planes(across, ignore_slices=[10, (1, 10), (2, 3)]) == {1: {0: (6, 14)}}


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("name", ["painted_slices", "ignore_slices"])
@pytest.mark.parametrize(
    ("slices", "axis", "message"),
    [
        ([(2, 24)], None, "Slice i=24 is .*, but the slices along i go from 0 to 23"),
        ([20], None, "Slice 20 is .*, but the slices go from 0 to 19"),
        ([(1, 10)], 0, "Slice j=10 is .*, but everything is read along k: name slices of that axis, or leave"),
        ({1: [(1, 10)]}, 2, "Slice j=10 is .*, but everything is read along i"),
        ([(3, 1)], None, "list of whole numbers, or of pairs of an axis, 0 to 2, and a whole number"),
        ("k=3", None, "list of whole numbers, or of pairs"),
    ],
)
def test_slices_that_cannot_be_meant(across: bool, name: str, slices: Any, axis: int | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        planes(across, axis=axis, **{name: slices})


def test_with_an_axis_everything_is_read_along_it() -> None:
    assert planes(True, axis=2) == {1: {2: tuple(range(6, 18))}}


def test_a_slice_is_not_declared_and_ignored() -> None:
    for across in (False, True):
        with pytest.raises(InputError, match="is declared painted and to be ignored"):
            planes(across, painted_slices=[(0, 3)], ignore_slices=[3])
