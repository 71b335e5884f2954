"""Volumes of any depth, type and order of memory, mirrored or not, are propagated."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from PatchICLLib.propagation import Propagator

BARE: frozenset[str] = frozenset()


@st.composite
def volumes(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int]:
    """Image, painting on one slice, and axis; the depth ends a chunk of slices in every way, views are of any order."""
    depth = draw(st.sampled_from([2, 31, 32, 33, 33, 34]))
    shape = (depth, draw(st.integers(4, 9)), draw(st.integers(4, 9)))
    whole_slice = draw(st.booleans())
    structure = np.zeros(shape, np.uint8)
    structure[(slice(None), *(slice(None) if whole_slice else slice(1, -1) for _ in range(2)))] = 1
    dtype = draw(st.sampled_from(["u1", ">i2", "i8", ">u8", "f2", "f4", "f4", "f4", ">f4", "f8"]))
    # which end is brighter decides which way the engine looks along an axis
    ramps = np.ix_(*(3 * np.arange(n)[:: draw(st.sampled_from([1, -1]))] for n in shape))
    image = structure * 20 + sum(ramps) + np.random.default_rng(depth).integers(0, 2, shape)
    image = image.astype(dtype)
    painted = np.zeros_like(structure)
    painted[draw(st.sampled_from([0, depth // 2, depth - 1]))] = structure[0]
    axis = draw(st.integers(0, 2))
    order, steps = draw(st.sampled_from("CF")), [draw(st.sampled_from([1, -1])) for _ in range(3)]

    def viewed(array: np.ndarray) -> np.ndarray:
        stored = np.array(np.moveaxis(array, 0, axis)[tuple(slice(None, None, s) for s in steps)], order=order)
        return stored[tuple(slice(None, None, s) for s in steps)]

    return viewed(image), viewed(painted), axis


@given(volume=volumes())
@settings(max_examples=12)
def test_any_layout_is_propagated(
    new_engine: Callable[[], Propagator], volume: tuple[np.ndarray, np.ndarray, int]
) -> None:
    image, painted, axis = volume
    result = new_engine().propagate(image, painted, (1.0, 1.0, 1.0), axis=axis, outputs=BARE)
    assert result.labels.shape == image.shape
    np.testing.assert_array_equal(result.labels[painted > 0], 1)


@pytest.mark.parametrize("bright_end", [0, -1])
def test_one_slice_left_for_a_last_chunk(engine: Propagator, bright_end: int) -> None:
    """33 slices are looked at, 32 at a time; the engine sees the volume mirrored where its far end is brighter."""
    image = np.zeros((33, 24, 24), np.float32)
    image[bright_end] = image[:, 0] = image[:, :, 0] = 50
    painted = np.zeros(image.shape, np.uint8)
    painted[[0, 32], 2:22, 2:22] = 1
    assert engine.propagate(image, painted, axis=0, outputs=BARE).labels[16].any()
