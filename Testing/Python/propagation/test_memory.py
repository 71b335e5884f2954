"""Finished gaps are remembered within a number of bytes, rounded the same at first and later."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from PatchICLLib.propagation.memory import ResultMemory, rounded
from PatchICLLib.propagation.result.filled_slices import FilledSlices


def filled(side: int) -> FilledSlices:
    return FilledSlices(1, (0,), (slice(0, side), slice(0, side)), torch.zeros(1, side, side, dtype=torch.float16))


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
    once = rounded(FilledSlices(1, (3,), (slice(0, 4), slice(0, 5)), torch.from_numpy(logits)[None])).logits
    assert once.dtype == torch.float16
    np.testing.assert_array_equal(once[0] > 0, logits > 0)
    np.testing.assert_allclose(once[0], logits.clip(-30, 30), atol=0.02)
    again = rounded(FilledSlices(1, (3,), (slice(0, 4), slice(0, 5)), once.float())).logits
    np.testing.assert_array_equal(again, once)
