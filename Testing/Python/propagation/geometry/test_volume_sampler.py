"""Slices are seen alike whatever the image's type and memory, copied to the device or not, alone or together."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.propagation.geometry.intensity_scale import IntensityScale
from PatchICLLib.propagation.geometry.region import Region
from PatchICLLib.propagation.geometry.volume_sampler import VolumeSampler

CPU = torch.device("cpu")
SHAPE = (7, 30, 26)
REGION = Region((14.0, 12.5), 21.0, (1.0, 0.8))
BOX = (slice(0, 30), slice(0, 26))


def stored(dtype: str) -> np.ndarray:
    """Whole numbers around 100 in noise, as far from 0 as the type allows."""
    numbers = np.random.default_rng(0).normal(100, 12, SHAPE).round().clip(1, 250)
    offset = {"i8": 2**62, "u8": 2**63, "i4": 2**30, "f8": 1e9, "i2": -3000}.get(dtype.strip(">"), 0)
    return numbers.astype(np.dtype(dtype)) + np.dtype(dtype).type(offset)


@given(
    dtype=st.sampled_from(["u1", "i2", ">i2", "i4", "i8", "u8", "f2", "f4", ">f4", "f8"]),
    indices=st.lists(st.integers(0, 6), min_size=1, max_size=9),
    size=st.sampled_from([8, 16, 64]),
    mirrored=st.booleans(),
    copied=st.booleans(),
)
def test_as_in_double_precision(dtype: str, indices: list[int], size: int, mirrored: bool, copied: bool) -> None:
    image = stored(dtype)
    scale = IntensityScale.of(image[[1, 5]], np.zeros((2, *SHAPE[1:]), bool))
    exact = ((image.astype(object) - scale.offset) / scale.unit).astype(float)  # Python's own numbers
    expected = REGION.sample(exact[indices], size, "border")
    if mirrored:
        image = np.ascontiguousarray(image[::-1, :, ::-1])[::-1, :, ::-1]
    seen = VolumeSampler(image, CPU, BOX, copied).sample(REGION, indices, size, scale)
    torch.testing.assert_close(seen, expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("copied", [True, False])
@pytest.mark.parametrize("dtype", ["i2", "f4", "f8"])
def test_outliers_are_mended_where_they_are(dtype: str, copied: bool) -> None:
    image = stored(dtype)
    scale = IntensityScale.of(image, np.zeros(SHAPE, bool))
    spoilt = image.copy()
    spoilt[3, 10, 11] += 20_000
    spoilt[4, 0, 0] -= 20_000
    seen, clean = (VolumeSampler(i, CPU, BOX, copied).scaled([3, 0, 4], BOX, scale) for i in (spoilt, image))
    changed = (seen != clean).nonzero().tolist()
    assert set(map(tuple, changed)) <= {(0, 10, 11), (2, 0, 0)}
    assert seen[0, 10, 11] == pytest.approx(np.median(clean[0, 9:12, 10:13]), abs=1e-5)


def test_a_scale_that_a_copy_is_too_coarse_for_is_seen_from_the_image() -> None:
    """A structure of tiny contrast far from the intensities that the copy was made for."""
    image = np.random.default_rng(1).normal(0, 1, SHAPE)
    image[:, :15] = 1e7 + 1e-3 * image[:, :15]
    wide, fine = (IntensityScale.of(part, np.zeros(part.shape, bool)) for part in (image[:, 15:], image[:, :15]))
    sampler = VolumeSampler(image, CPU, BOX, True)
    half = (slice(0, 15), slice(0, 26))
    sampler.scaled([0], half, wide)
    np.testing.assert_allclose(
        sampler.scaled(range(7), half, fine).numpy(), (image[:, :15] - fine.offset) / fine.unit, atol=1e-5
    )


def test_nothing_beyond_the_box_is_copied() -> None:
    image = np.full((3, 400, 400), np.nan, np.float32)
    image[:, 100:140, 200:260] = 1
    box = (slice(100, 140), slice(200, 260))
    scale = IntensityScale(0, 1.0, -9.0, 9.0)
    assert VolumeSampler(image, CPU, box, True).scaled([1], box, scale).isfinite().all()
