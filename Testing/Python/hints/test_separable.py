"""Linear maps as matrices against the functions that they stand for."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from PatchICLLib.hints.separable import averaging, both_ways, differences, resizing, smoothing

CPU = torch.device("cpu")
SIDES = st.integers(1, 40)


def pictures(side: int) -> torch.Tensor:
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(side))


@given(side=SIDES, deviation=st.sampled_from([0.9, 1.0, 2.56]))
def test_smoothing_is_gaussian(side: int, deviation: float) -> None:
    expected = ndimage.gaussian_filter(
        pictures(side).numpy(), deviation, axes=(2, 3), mode="nearest", radius=round(2.5 * deviation)
    )
    np.testing.assert_allclose(both_ways(smoothing(side, deviation, CPU), pictures(side)), expected, atol=1e-6)


@given(before=SIDES, after=SIDES)
def test_resizing_is_bilinear(before: int, after: int) -> None:
    expected = F.interpolate(pictures(before), size=(after, after), mode="bilinear", align_corners=False)
    torch.testing.assert_close(both_ways(resizing(before, after, CPU), pictures(before)), expected, atol=1e-5, rtol=0)


@given(before=SIDES, after=SIDES)
def test_averaging_is_by_area(before: int, after: int) -> None:
    expected = F.interpolate(pictures(before), size=(after, after), mode="area")
    torch.testing.assert_close(both_ways(averaging(before, after, CPU), pictures(before)), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("side", [2, 9])
def test_differences_are_central_and_halved_at_the_borders(side: int) -> None:
    line = pictures(side)[0, 0, 0].numpy()
    expected = np.gradient(line)
    expected[[0, -1]] /= 2
    np.testing.assert_allclose(differences(side, CPU).numpy() @ line, expected, atol=1e-6)
