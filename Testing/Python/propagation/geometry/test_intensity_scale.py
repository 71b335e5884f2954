"""Labels depend neither on unit, offset and type of the intensities nor on single outliers."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from PatchICLLib.propagation import Propagator
from PatchICLLib.propagation.geometry.intensity_scale import IntensityScale, differences
from PatchICLLib.propagation.geometry.volume_sampler import VolumeSampler

BARE: frozenset[str] = frozenset()


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


@given(
    numbers=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=5),
    offset=st.integers(0, 2**64 - 1),
    signed=st.booleans(),
    swapped=st.booleans(),
)
def test_differences_of_64_bits(numbers: list[int], offset: int, signed: bool, swapped: bool) -> None:
    shift = 2**63 if signed else 0
    exact = [number - offset for number in numbers]
    array = np.array([number - shift for number in numbers], "i8" if signed else "u8")
    if swapped:
        array = array.astype(array.dtype.newbyteorder(">"))
    np.testing.assert_allclose(differences(array, offset - shift), np.array(exact, float), rtol=1e-15)
    near = np.array([numbers[0] - shift], array.dtype)
    assert differences(near, numbers[0] - shift) == 0


def scaled(slices: np.ndarray, scale: IntensityScale) -> np.ndarray:
    """Whole slices on a scale, as the engine sees them."""
    whole = (slice(0, slices.shape[1]), slice(0, slices.shape[2]))
    return VolumeSampler(slices, torch.device("cpu")).scaled(range(len(slices)), whole, scale).numpy()


FORMS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as it is": lambda image: image.astype(np.int16),
    "tiny": lambda image: image * 1e-9,
    "tinier": lambda image: image * 1e-200,
    "far from 0": lambda image: image.astype(np.float64) + 1e9,
    "single precision, scaled": lambda image: (image * 3e-7).astype(np.float32),
    "far below 0": lambda image: image.astype(np.int64) + -(2**63),
    "top of int64": lambda image: image.astype(np.int64) + (2**63 - 1000),
    "top of uint64": lambda image: image.astype(np.int64).astype(np.uint64) + np.uint64(2**63),
    "scaled int64": lambda image: (image.astype(np.int64) - 100) * 2**54,
}


@pytest.fixture(scope="module")
def organ() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whole numbers 0 to 300 with an organ of low contrast; the organ; its painting on three slices."""
    k, j, i = np.meshgrid(np.arange(15), np.arange(40), np.arange(36), indexing="ij")
    body = ((k - 7) / 7) ** 2 + ((j - 19 - 0.4 * k) / 11) ** 2 + ((i - 17) / 9) ** 2 <= 1
    image = np.round(100 + 60 * body + np.random.default_rng(2).normal(0, 12, body.shape)).clip(0, 300)
    painted = np.zeros(body.shape, np.uint8)
    for index in (2, 7, 12):
        painted[index] = body[index]
    return image, body, painted


@pytest.fixture(scope="module")
def plain(new_engine: Callable[[], Propagator], organ: tuple[np.ndarray, ...]) -> np.ndarray:
    image, _, painted = organ
    return new_engine().propagate(image.astype(np.float32), painted, axis=0, outputs=BARE).labels > 0


@pytest.mark.parametrize("name", FORMS)
def test_labels_do_not_depend_on_unit_and_offset(
    engine: Propagator, organ: tuple[np.ndarray, ...], plain: np.ndarray, name: str
) -> None:
    image, body, painted = organ
    found = engine.propagate(FORMS[name](image), painted, axis=0, outputs=BARE).labels > 0
    assert dice(found, plain) >= 0.999 and dice(plain, body) > 0.8


@given(scale=st.floats(1e-12, 1e12), offset=st.floats(-1e6, 1e6))
@settings(max_examples=3)
def test_labels_of_any_scaled_image(
    new_engine: Callable[[], Propagator],
    organ: tuple[np.ndarray, ...],
    plain: np.ndarray,
    scale: float,
    offset: float,
) -> None:
    image, _, painted = organ
    moved = scale * (image + offset)
    found = new_engine().propagate(moved, painted, axis=0, outputs=BARE).labels > 0
    assert dice(found, plain) >= 0.999


@pytest.mark.parametrize("value", [30_000, -30_000])
def test_single_outliers_in_the_organ(
    engine: Propagator, organ: tuple[np.ndarray, ...], plain: np.ndarray, value: int
) -> None:
    image, body, painted = organ
    spoilt = image.copy()
    places = np.argwhere(body)[:: body.sum() // 10]
    spoilt[tuple(places.T)] = value
    found = engine.propagate(spoilt, painted, axis=0, outputs=BARE).labels > 0
    assert dice(found, body) > dice(plain, body) - 0.003


def test_outliers_end_at_a_border_and_edges_stay() -> None:
    slices = np.tile(np.arange(40.0), (2, 40, 1))
    slices[0, 20, 20], slices[1, 5:10, 5:10] = 30_000, -30_000
    scale = IntensityScale.of(slices, slices > 20)
    seen = scaled(slices, scale) * scale.unit + scale.offset
    assert seen[0, 20, 20] == pytest.approx(20, abs=1)
    assert -90 < seen[1, 7, 7] < -70
    ordinary = (slices >= 0) & (slices < 100)
    np.testing.assert_allclose(seen[ordinary], slices[ordinary], atol=1e-4)


def test_what_was_painted_is_no_outlier() -> None:
    slices = np.zeros((1, 100, 100))
    slices[:] = np.arange(100)
    slices[0, 50:53, 50:53] = 5000  # hot, and far too small for a percentile of the slice
    scale = IntensityScale.of(slices, slices == 5000)
    seen = scaled(slices, scale) * scale.unit + scale.offset
    np.testing.assert_allclose(seen, slices, atol=1e-2)
