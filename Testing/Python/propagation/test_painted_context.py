"""How finely the network sees a region."""

from __future__ import annotations

import numpy as np
import pytest

from PatchICLLib.propagation.geometry.region import Region
from PatchICLLib.propagation.painted_context import SIZES, input_size


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
