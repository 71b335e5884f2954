import numpy as np

from PatchICLLib.baselines.seeds import growth_window, seeds_of


def test_growth_window_is_the_painted_extent_plus_35_percent() -> None:
    mask = np.zeros((100, 100, 100), bool)
    mask[20:60, 40:50, 30:70] = True  # 40 slices of 1 mm; 10 rows of 2 mm, 40 columns of 0.5 mm: both 20 mm
    window = growth_window(mask, (1.0, 2.0, 0.5))
    # 35 % of 40 slices; 7 mm are 4 rows or 14 columns.
    assert window == (slice(6, 74), slice(36, 54), slice(16, 84))


def test_growth_window_has_three_voxels_at_least_and_stays_in_the_volume() -> None:
    mask = np.zeros((10, 10, 10), bool)
    mask[1, 5, 8] = True
    assert growth_window(mask, (1.0, 1.0, 1.0)) == (slice(0, 5), slice(2, 9), slice(5, 10))


def test_every_voxel_of_a_painted_slice_is_a_seed_those_of_an_empty_one_too() -> None:
    mask = np.zeros((4, 2, 2), bool)
    mask[1, 0, 1] = True
    assert seeds_of(mask, (1, 3)).tolist() == [[[0, 0], [0, 0]], [[2, 1], [2, 2]], [[0, 0], [0, 0]], [[2, 2], [2, 2]]]
