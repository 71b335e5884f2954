"""A propagation issues few operators of torch, and hardly more for more structures: cards pay for each."""

from __future__ import annotations

import pytest

from PatchICLLib.benchmark.operators import count_operators
from PatchICLLib.benchmark.scans import Scan


@pytest.fixture(scope="module")
def four() -> dict:
    return count_operators(Scan((16, 64, 64), 4))


@pytest.mark.slow
def test_every_operator_belongs_to_a_part(four):
    assert four["operators"] == sum(four["parts"].values())
    assert four["dice"] > 0.8
