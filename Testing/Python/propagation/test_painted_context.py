"""How finely the network sees a region."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from PatchICLLib.propagation import Propagator
from PatchICLLib.propagation.geometry.region import Region
from PatchICLLib.propagation.painted_context import FINE_SIZES, SIZES, input_size, input_size_of_painted, thickness
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
    rings = {(120, 5): 512, (90, 80): None, (20, 5): None, (90, 24): None, (160, 150): 512, (190, 5): 512}
    for (radius, wall), fine in {**rings, (300, 290): 1024, (300, 5): 1024}.items():
        masks = ring(radius, wall, spacing)
        region = Region.around(masks.any(0), spacing)
        assert input_size_of_painted(region, masks) == (fine or input_size(region))


@pytest.mark.parametrize(
    ("radius", "size"), [(100, FINE_SIZES[0]), pytest.param(300, FINE_SIZES[1], marks=pytest.mark.slow)]
)
def test_the_network_sees_a_large_thin_wall_with_more_levels(
    new_engine: Callable[[], Propagator], monkeypatch: pytest.MonkeyPatch, radius: int, size: int
) -> None:
    wall = ring(radius, 6)[0]
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
    assert sum(count for _, count in seen) == 3 and {one for one, _ in seen} == {size}
    assert len(result.report["slices"]) == 3
    np.testing.assert_array_equal(result.labels[[0, 4]], painted[[0, 4]])


@pytest.mark.slow
@pytest.mark.parametrize(("thickness", "found_at_least"), [(9, 0.97), (3, 0.4)])
def test_a_thin_wall_around_a_very_large_structure_is_found_to_the_voxel(thickness: int, found_at_least: float) -> None:
    """More than 900 voxels wide; to levels that see it coarsely it is nothing."""
    rows, columns = np.mgrid[:980, :980]
    distance = [np.hypot(rows - 480 - 3 * z, columns - 490) - 440 - 4 * z - 12 * np.sin(columns / 45) for z in range(3)]
    truth = np.abs(distance) < thickness / 2
    image = np.random.default_rng(1).normal(0, 0.3, truth.shape) + truth
    painted = truth.astype(np.uint8)
    painted[1] = 0
    result = Propagator.from_pretrained(device="cpu").propagate(image, painted, extent="painted")
    np.testing.assert_array_equal(result.labels[[0, 2]], painted[[0, 2]])
    found = result.labels[1] > 0
    from_wall, from_found = (ndimage.distance_transform_edt(~mask) for mask in (truth[1], found))
    assert (from_wall[found] <= 1).mean() > 0.97 and (from_found[truth[1]] <= 1).mean() > found_at_least
    assert result.selections is not None
    assert result.selections[0].levels[-1].resolution == FINE_SIZES[-1]
