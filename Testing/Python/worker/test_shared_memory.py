import os
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from PatchICLLib.worker.shared_memory import SharedArray

posix = pytest.mark.skipif(sys.platform == "win32", reason="descriptors are sent on Linux and macOS")


@given(
    arrays.arrays(
        st.sampled_from(["u1", "<i2", ">i2", "<f4", ">f8", "?", "<u8"]),
        arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    )
)
def test_the_other_side_sees_the_same_memory(array: np.ndarray) -> None:
    ours = SharedArray.copy_of(array.T)
    theirs = SharedArray.attach(ours.describe(), None if ours.descriptor is None else os.dup(ours.descriptor))
    ours.close_descriptor()
    assert theirs.array.dtype == array.dtype
    np.testing.assert_array_equal(theirs.array, array.T)
    theirs.array[...] = 1
    np.testing.assert_array_equal(ours.array, np.ones_like(array.T))


def test_memory_outlives_the_side_that_made_it() -> None:
    ours = SharedArray.copy_of(np.arange(5))
    theirs = SharedArray.attach(ours.describe(), None if ours.descriptor is None else os.dup(ours.descriptor))
    ours.close_descriptor()
    del ours
    np.testing.assert_array_equal(theirs.array, np.arange(5))


@posix
def test_a_segment_smaller_than_described_is_refused() -> None:
    ours = SharedArray.create((10,), np.dtype(np.uint8))
    with pytest.raises(ValueError):
        SharedArray.attach({**ours.describe(), "shape": [1 << 20]}, ours.descriptor)


@posix
def test_without_a_descriptor_there_is_nothing_to_attach() -> None:
    with pytest.raises(ValueError, match="without the descriptor"):
        SharedArray.attach({"shape": [1], "dtype": "|u1", "name": None}, None)


@posix
def test_systems_without_memfd(monkeypatch: pytest.MonkeyPatch) -> None:
    """What macOS does; the name must be gone at once."""
    monkeypatch.delattr(os, "memfd_create", raising=False)
    before = set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()
    ours = SharedArray.copy_of(np.arange(7.0))
    if os.path.isdir("/dev/shm"):
        assert set(os.listdir("/dev/shm")) == before
    theirs = SharedArray.attach(ours.describe(), os.dup(ours.descriptor or -1))
    ours.close_descriptor()
    np.testing.assert_array_equal(theirs.array, np.arange(7.0))


def test_memory_is_taken_only_when_written() -> None:
    """Room for results costs nothing until there are results (here 64 GB, more than the machine may have)."""
    if sys.platform == "win32":
        pytest.skip("Windows commits a mapping at once")
    shared = SharedArray.create((1 << 36,), np.dtype(np.uint8))
    assert shared.array[-1] == 0
    shared.close_descriptor()
