"""The square region of interest: millimetres, half voxels, and the way there and back."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.propagation.geometry.region import GROWTH, MINIMUM_PIXELS, Region


def ramp(shape: tuple[int, int], row: float, column: float) -> np.ndarray:
    return (row * np.arange(shape[0])[:, None] + column * np.arange(shape[1])).astype(np.float32)[None]


spacings = st.tuples(st.sampled_from([0.5, 0.8, 1.0, 2.5]), st.sampled_from([0.5, 0.8, 1.0, 2.5]))


@given(
    spacing=spacings,
    first=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    extent=st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_square_in_millimetres_around_the_extent(
    spacing: tuple[float, float], first: tuple[int, int], extent: tuple[int, int]
) -> None:
    mask = np.zeros((64, 64), bool)
    mask[first[0] : first[0] + extent[0], first[1] : first[1] + extent[1]] = True
    region = Region.around(mask, spacing)
    longest = max(extent[0] * spacing[0], extent[1] * spacing[1])
    assert region.side == pytest.approx(max(GROWTH * longest, MINIMUM_PIXELS * min(spacing)))
    assert region.centre == (first[0] + (extent[0] - 1) / 2, first[1] + (extent[1] - 1) / 2)
    rows, columns = region.bounds(mask.shape)
    assert mask[rows, columns].sum() == mask.sum()
    for axis, window in enumerate((rows, columns)):
        reach = np.abs(np.arange(64) - region.centre[axis]) * spacing[axis]
        np.testing.assert_array_equal(np.arange(64)[window], np.flatnonzero(reach <= region.side / 2))


@given(spacing=spacings, centre=st.tuples(st.floats(25, 38), st.floats(25, 38)), side=st.floats(6, 12))
def test_a_ramp_is_sampled_where_it_says(
    spacing: tuple[float, float], centre: tuple[float, float], side: float
) -> None:
    size = 32
    seen = Region(centre, side, spacing).sample(ramp((64, 64), 2.0, -3.0), size, "border")[0]
    ticks = ((np.arange(size) + 0.5) / size - 0.5) * side
    expected = 2.0 * (centre[0] + ticks[:, None] / spacing[0]) - 3.0 * (centre[1] + ticks / spacing[1])
    np.testing.assert_allclose(seen, expected, atol=1e-3)


def test_averages_where_pixels_are_larger_than_voxels() -> None:
    noise = np.random.default_rng(0).normal(0, 1, (1, 256, 256)).astype(np.float32)
    seen = Region((127.5, 127.5), 256.0, (1.0, 1.0)).sample(noise, 64)
    np.testing.assert_allclose(seen[0], noise[0].reshape(64, 4, 64, 4).mean((1, 3)), atol=1e-4)


def test_beyond_the_slice() -> None:
    ones = np.ones((2, 10, 10), np.int16)
    region = Region((4.5, 4.5), 40.0, (1.0, 1.0))
    assert region.sample(ones, 40, "border").min() == 1
    seen = region.sample(ones, 40)
    assert seen[:, 15:25, 15:25].min() == 1 and seen[:, :14].max() == 0 and seen[:, :, 26:].max() == 0


@given(
    spacing=spacings,
    centre=st.tuples(st.floats(10, 40), st.floats(10, 40)),
    side=st.floats(8, 60),
    size=st.sampled_from([64, 128]),
)
def test_there_and_back(spacing: tuple[float, float], centre: tuple[float, float], side: float, size: int) -> None:
    slices = np.concatenate([ramp((50, 50), 1.0, 2.0), ramp((50, 50), -0.5, 0.3)])
    region = Region(centre, side, spacing)
    if region.pixels > size:
        return
    values, window = region.restore(region.sample(slices, size, "border"), (50, 50))
    inner = tuple(slice(w.start + 2, w.stop - 2) for w in window)
    cut = tuple(slice(2, -2) for _ in window)
    np.testing.assert_allclose(values[:, cut[0], cut[1]], slices[:, inner[0], inner[1]], atol=2e-2)


def test_a_mask_there_and_back() -> None:
    rows, columns = np.meshgrid(np.arange(60), np.arange(50), indexing="ij")
    mask = (rows - 31) ** 2 + 4 * (columns - 20) ** 2 <= 200
    region = Region.around(mask, (1.0, 2.0))
    values, window = region.restore(region.sample(mask[None], 128), mask.shape)
    back = np.zeros_like(mask)
    back[window] = values[0] >= 0.5
    np.testing.assert_array_equal(back, mask)


@pytest.mark.parametrize("axis", [0, 1])
def test_mirrored_slices_are_seen_mirrored(axis: int) -> None:
    rng = np.random.default_rng(2)
    slices = rng.normal(0, 1, (3, 40, 50)).astype(np.float32)
    centre = (17.3, 21.9)
    seen = Region(centre, 30.0, (1.0, 1.3)).sample(slices, 64)
    other = tuple(n - 1 - c if a == axis else c for a, (n, c) in enumerate(zip((40, 50), centre, strict=True)))
    mirrored = Region(other, 30.0, (1.0, 1.3)).sample(np.flip(slices, 1 + axis), 64)
    torch.testing.assert_close(mirrored, seen.flip(1 + axis), atol=1e-4, rtol=0)


def test_only_what_the_region_touches_is_read() -> None:
    slices = np.full((2, 400, 400), np.nan, np.float32)
    slices[:, 90:130, 190:230] = 1
    assert Region((110.0, 210.0), 20.0, (1.0, 1.0)).sample(slices, 32).isfinite().all()


@pytest.mark.parametrize("dtype", [bool, ">i2", np.uint64, np.float16, ">f8"])
def test_types(dtype: str) -> None:
    slices = np.arange(2 * 30 * 30).reshape(2, 30, 30) % 7
    region = Region((14.0, 15.0), 16.0, (1.0, 1.0))
    expected = region.sample(slices.astype(dtype).astype(np.float32), 32)
    assert torch.equal(region.sample(slices.astype(dtype), 32), expected)


@given(
    depth=st.sampled_from([1, 31, 32, 33]),
    shape=st.tuples(st.sampled_from([1, 2, 7, 12]), st.sampled_from([1, 2, 7, 12])),
    dtype=st.sampled_from(["f4", "f4", "f4", "?", "u1", ">i2", "<i4", ">u8", "f2", ">f8"]),
    order=st.sampled_from([[0, 1, 2], [0, 1, 2], [0, 2, 1], [1, 2, 0]]),
    steps=st.tuples(*[st.sampled_from([1, -1])] * 3),
    side=st.sampled_from([4.0, 12.0, 40.0]),
)
def test_any_layout_is_seen_alike(
    depth: int,
    shape: tuple[int, int],
    dtype: str,
    order: list[int],
    steps: tuple[int, int, int],
    side: float,
) -> None:
    """Whatever is left for the last chunk of slices, however the memory lies, and where the window is a whole slice."""
    numbers = (np.arange(depth * shape[0] * shape[1]).reshape(depth, *shape) % 97).astype(dtype)
    back = tuple(slice(None, None, step) for step in steps)
    stored = np.ascontiguousarray(numbers[back].transpose(order))
    view = stored.transpose(np.argsort(order))[back]
    np.testing.assert_array_equal(view, numbers)
    region = Region(((shape[0] - 1) / 2, (shape[1] - 1) / 2), side, (1.0, 1.0))
    assert torch.equal(region.sample(view, 16, "border"), region.sample(numbers.copy(), 16, "border"))
