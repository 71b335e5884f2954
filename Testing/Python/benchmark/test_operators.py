"""A propagation issues few operators of torch, and hardly more for more structures: cards pay for each."""

from typing import Any

import pytest

from PatchICLLib.benchmark.operators import count_operators
from PatchICLLib.benchmark.scans import Scan
from PatchICLLib.runtime.stopwatch import PARTS

pytestmark = pytest.mark.slow

SHAPE = (20, 64, 64)


@pytest.fixture(scope="module")
def four() -> dict[str, Any]:
    return count_operators(Scan(SHAPE, 4))


def test_operators_are_few_and_each_belongs_to_a_part(four: dict[str, Any]) -> None:
    assert four["operators"] == sum(four["parts"].values()) < 50_000
    assert {name.partition("/")[0] for name in four["parts"]} >= {*PARTS} - {"copy"}  # which the CPU needs none of
    assert four["dice"] > 0.99


def test_they_are_hardly_more_for_twice_the_structures(four: dict[str, Any]) -> None:
    eight = count_operators(Scan(SHAPE, 8))
    assert eight["operators"] < 1.6 * four["operators"]
    assert eight["dice"] > 0.99
