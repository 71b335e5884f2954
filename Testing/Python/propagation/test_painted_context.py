"""How finely the network sees a region."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from PatchICLLib.propagation import Propagator
from PatchICLLib.propagation.geometry.region import Region
from PatchICLLib.propagation.painted_context import FINE_SIZE, SIZES, input_size, input_size_of_painted, thickness
from PatchICLLib.propagation.prediction import Prediction


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.4, 0.4), (0.7, 2.1)])
@pytest.mark.parametrize("side", range(4, 400, 13))
def test_a_region_is_shown_with_more_pixels_than_voxels_where_there_are_enough(
    side: int, spacing: tuple[float, float]
) -> None:
    mask = np.zeros((420, 420), bool)
    mask[5 : 5 + side, 7:9] = True
    region = Region.around(mask, spacing)
    voxels = region.side / min(spacing)
    size = input_size(region)
    assert size in SIZES
    assert size >= 1.6 * voxels or size == max(SIZES)
    smaller = [other for other in SIZES if other < size]
    assert not smaller or 1.7 * voxels > max(smaller)  # and no finer than that takes


def ring(radius: float, wall: float, spacing: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    """Two slices, the second empty; radius and wall in mm."""
    sides = [int(2.4 * radius / step) for step in spacing]
    rows, columns = (np.arange(side) * step - 1.2 * radius for side, step in zip(sides, spacing, strict=True))
    distance = np.hypot(rows[:, None], columns[None, :])
    return np.stack([np.abs(distance - radius + wall / 2) < wall / 2, np.zeros((sides[0], sides[1]), bool)])


@pytest.mark.parametrize("wall", [4, 8, 20])
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.5, 1.0), (3.0, 1.5)])
def test_the_thickness_of_a_slab_is_its_own(wall: int, spacing: tuple[float, float]) -> None:
    masks = np.zeros((1, 400, 300), bool)
    masks[0, 100 : 100 + wall] = True
    expected = wall * spacing[0] / min(spacing)
    # But for its two short ends, where the picture that is looked at ends, too.
    assert thickness(masks, spacing) == pytest.approx(expected, rel=0.25)


def test_the_thickness_of_a_disc_is_two_thirds_of_its_diameter() -> None:
    assert thickness(ring(60, 62), (1.0, 1.0)) == pytest.approx(4 / 3 * 60, rel=0.05)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.7, 0.7), (1.0, 2.0)])
def test_what_is_large_and_thin_or_very_large_is_seen_finely(spacing: tuple[float, float]) -> None:
    for radius, wall, fine in ((120, 5, True), (90, 80, False), (20, 5, False), (90, 24, False), (160, 150, True)):
        masks = ring(radius, wall, spacing)
        region = Region.around(masks.any(0), spacing)
        assert input_size_of_painted(region, masks) == (FINE_SIZE if fine else input_size(region))


def test_the_network_sees_a_large_thin_wall_with_one_level_more(
    new_engine: Callable[[], Propagator], monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = ring(100, 6)[0]
    painted = np.zeros((5, *wall.shape), np.uint8)
    painted[[0, 4], :, :] = wall
    image = np.random.default_rng(0).normal(size=painted.shape) + 5 * wall
    seen = []
    predict = Prediction.of

    def watched(self: Prediction, portions):  # type: ignore[no-untyped-def]
        seen.extend((portion.filling.size, len(portion.indices)) for portion in portions)
        return predict(self, portions)

    monkeypatch.setattr(Prediction, "of", watched)
    result = new_engine().propagate(image, painted, extent="painted")
    assert seen == [(FINE_SIZE, 2), (FINE_SIZE, 1)]
    assert len(result.report["slices"]) == 3
    np.testing.assert_array_equal(result.labels[[0, 4]], painted[[0, 4]])
