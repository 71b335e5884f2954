"""How well intensities tell a structure from what lies beside it."""

import numpy as np
import pytest

from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.propagation.refinement.distinction import distinction

PAINTED = (1, 4, 6)


def of(inside: np.ndarray, outside: np.ndarray, image: np.ndarray | None = None) -> float:
    """Of a square that is painted on three slices, its intensities and those around drawn from two sets."""
    painted = np.zeros((8, 40, 40), np.uint8)
    painted[list(PAINTED), 10:30, 12:26] = 3
    random = np.random.default_rng(0)
    seen = np.where(painted == 3, random.choice(inside, painted.shape), random.choice(outside, painted.shape))
    volume = SlicedVolume(seen, painted, 2.0, (1.0, 1.0), None)  # type: ignore[arg-type]
    return distinction(volume, 3, PAINTED)


def test_intensities_that_are_alike_tell_nothing() -> None:
    assert of(np.arange(100), np.arange(100)) < 0.25
    assert of(np.array([5]), np.array([5])) == 0.0


def test_intensities_that_never_meet_tell_all() -> None:
    assert of(np.arange(100), np.arange(200, 300)) == pytest.approx(1.0, abs=0.02)
    assert of(np.array([1]), np.array([0])) == 1.0


@pytest.mark.parametrize("shift", [25, 50, 75])
@pytest.mark.parametrize(("factor", "offset"), [(1.0, 0.0), (-0.003, 9.0), (4000.0, -1e6)])
def test_it_is_the_share_of_intensities_that_only_one_side_has(shift: int, factor: float, offset: float) -> None:
    inside, outside = np.arange(100), np.arange(100) + shift
    assert of(factor * inside + offset, factor * outside + offset) == pytest.approx(shift / 100, abs=0.12)


@pytest.mark.parametrize("kind", [bool, np.int8, np.uint16, np.float16, np.int64])
def test_any_kind_of_real_numbers_will_do(kind: type) -> None:
    assert of(np.array([1]).astype(kind), np.array([0]).astype(kind)) == 1.0


@pytest.mark.parametrize("offset", [2**63 - 300, -(2**63), 2**40])
def test_whole_numbers_of_64_bits_are_told_apart_exactly(offset: int) -> None:
    inside, outside = (np.array(range(first, first + 100), np.int64) for first in (offset, offset + 50))
    assert of(inside, outside) == of(np.arange(100), np.arange(50, 150)) > 0.3


def test_chance_does_not_tell_a_few_pixels_apart() -> None:
    found = []
    for seed in range(30):
        painted = np.zeros((3, 12, 12), np.uint8)
        painted[1, 5:8, 5:9] = 1
        image = np.random.default_rng(seed).normal(size=painted.shape)
        volume = SlicedVolume(image, painted, 1.0, (1.0, 1.0), None)  # type: ignore[arg-type]
        found.append(distinction(volume, 1, (1,)))
    assert np.mean(found) < 0.4 and max(found) < 0.75


def test_what_lies_farther_than_two_pixels_from_the_outline_does_not_count() -> None:
    painted = np.zeros((3, 40, 40), np.uint8)
    painted[1, 10:30, 10:30] = 1
    image = np.zeros(painted.shape)
    image[1, 12:28, 12:28] = image[1, :8] = image[1, :, 32:] = 1.0
    volume = SlicedVolume(image, painted, 1.0, (1.0, 1.0), None)  # type: ignore[arg-type]
    assert distinction(volume, 1, (1,)) == 0.0


def test_slices_without_the_structure_and_a_painting_all_over_are_no_error() -> None:
    painted = np.zeros((3, 6, 6), np.uint8)
    painted[1] = 1
    volume = SlicedVolume(painted * 1.0, painted, 1.0, (1.0, 1.0), None)  # type: ignore[arg-type]
    assert distinction(volume, 1, (0, 1)) == 0.0
    assert distinction(volume, 1, (0,)) == 0.0
    painted[2, :3] = 1
    assert distinction(volume, 1, (0, 1, 2)) == 0.0
    np.copyto(volume.image, painted)
    assert distinction(volume, 1, (0, 1, 2)) == 1.0
