"""Slices with enough foreground, a few of each axis, evenly spread."""

import numpy as np
import pytest

from PatchICLLib.datasets.slicing import Slicing, strided, take_slice
from PatchICLLib.errors import InputError


@pytest.mark.parametrize("count", [0, 1, 5, 6, 7, 12, 13, 100])
def test_at_most_six_evenly_spread(count: int) -> None:
    chosen = strided(list(range(count)), 6)
    assert len(chosen) == min(count, 6) if count <= 6 else 3 < len(chosen) <= 6
    assert len({b - a for a, b in zip(chosen, chosen[1:], strict=False)}) <= 1
    if chosen:  # as much is left over before as after, to within a stride
        assert abs(chosen[0] - (count - 1 - chosen[-1])) <= -(-count // 6)


def test_only_slices_with_enough_pixels_along_every_axis() -> None:
    mask = np.zeros((20, 20, 20), bool)
    mask[4:10, 2:8, 3:8] = True  # across k 30 pixels, across j 30, across i 36
    mask[15, 10:15, 10:15] = True  # 25 pixels
    chosen = Slicing().choose(mask)
    assert chosen == {"k": [4, 5, 6, 7, 8, 9], "j": [2, 3, 4, 5, 6, 7], "i": [3, 4, 5, 6, 7]}
    assert Slicing(minimum_pixels=31).choose(mask) == {"i": [3, 4, 5, 6, 7]}
    assert Slicing(most_slices=2, planes=("k",)).choose(mask) == {"k": [5, 8]}


def test_a_slice_across_each_axis() -> None:
    volume = np.arange(24).reshape(2, 3, 4)
    np.testing.assert_array_equal(take_slice(volume, "k", 1), volume[1])
    np.testing.assert_array_equal(take_slice(volume, "j", 2), volume[:, 2])
    np.testing.assert_array_equal(take_slice(volume, "i", 3), volume[:, :, 3])


@pytest.mark.parametrize("wrong", [{"minimum_pixels": 0}, {"most_slices": 0}, {"planes": ()}, {"planes": ("x",)}])
def test_settings_that_make_no_sense(wrong: dict) -> None:
    with pytest.raises(InputError, match="at least 1 slice a case"):
        Slicing(**wrong)
