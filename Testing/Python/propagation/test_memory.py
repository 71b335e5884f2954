"""Finished gaps are remembered within a number of bytes, rounded the same at first and later."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from PatchICLLib.propagation.gap_filling import FilledSlice
from PatchICLLib.propagation.memory import ResultMemory, rounded


def filled(side: int) -> FilledSlice:
    return FilledSlice(0, (slice(0, side), slice(0, side)), np.zeros((side, side), np.float16), None)


def test_the_least_recently_used_is_forgotten_first() -> None:
    memory = ResultMemory(most_bytes=3 * 2 * 10 * 10)
    for key in (b"a", b"b", b"c"):
        memory.put(key, (filled(10),))
    assert memory.get(b"a") is not None
    memory.put(b"d", (filled(10),))
    assert memory.get(b"b") is None
    assert all(memory.get(key) is not None for key in (b"a", b"c", b"d"))


def test_what_is_too_large_is_not_kept() -> None:
    memory = ResultMemory(most_bytes=100)
    memory.put(b"a", (filled(50),))
    assert memory.get(b"a") is None
    memory.put(b"b", (filled(5),))
    assert memory.get(b"b") is not None


@given(arrays(np.float32, (4, 5), elements=st.floats(-1e6, 1e6, width=32)))
def test_rounding_keeps_signs_and_is_stable(logits: np.ndarray) -> None:
    once = rounded([FilledSlice(3, (slice(0, 4), slice(0, 5)), logits, None)])
    np.testing.assert_array_equal(once[0].logits > 0, logits > 0)
    np.testing.assert_allclose(once[0].logits, logits.clip(-30, 30), atol=0.02)
    np.testing.assert_array_equal(rounded(once)[0].logits, once[0].logits)
