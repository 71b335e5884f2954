import numpy as np
import pytest

from PatchICLLib.baselines.interpolation import interpolate_shapes


def disc(radius_mm: float, spacing: tuple[float, float], shape: tuple[int, int]) -> np.ndarray:
    rows = (np.arange(shape[0]) - shape[0] // 2)[:, None] * spacing[0]
    columns = (np.arange(shape[1]) - shape[1] // 2)[None, :] * spacing[1]
    return rows**2 + columns**2 <= radius_mm**2


def test_the_border_bounds_what_fills_the_plane() -> None:
    """Full between two full slices; beyond them it shrinks from the border by one millimetre per millimetre."""
    painted = np.zeros((9, 21, 15), np.uint8)
    painted[[2, 6]] = 1
    filled = interpolate_shapes(painted, 0, spacing=(1.0, 1.0, 1.0))
    assert filled[2:7].all()
    for index, away in ((1, 1), (0, 2), (7, 1), (8, 2)):
        expected = np.zeros((21, 15), bool)
        expected[away:-away, away:-away] = True
        assert np.array_equal(filled[index] == 1, expected)


def test_discs_blend_into_a_truncated_cone() -> None:
    spacing = (2.0, 0.5, 0.5)
    painted = np.zeros((9, 121, 121), np.uint8)
    painted[0] = disc(25.0, (0.5, 0.5), (121, 121))
    painted[8] = disc(9.0, (0.5, 0.5), (121, 121))
    filled = interpolate_shapes(painted, 0, spacing=spacing)
    for index in range(9):
        radius = 25.0 - 2.0 * index
        area = filled[index].sum() * 0.25
        assert area == pytest.approx(np.pi * radius**2, rel=0.04)


def test_beyond_the_ends_the_shape_shrinks_by_one_millimetre_per_millimetre() -> None:
    painted = np.zeros((20, 81, 81), np.uint8)
    painted[10] = disc(15.0, (0.5, 0.5), (81, 81))
    filled = interpolate_shapes(painted, 0, spacing=(3.0, 0.5, 0.5))
    for offset in (1, 2, 3, 4):
        for index in (10 - offset, 10 + offset):
            radius = np.sqrt(filled[index].sum() * 0.25 / np.pi)
            assert radius == pytest.approx(15.0 - 3.0 * offset, abs=0.25)
    assert not filled[4].any() and not filled[16].any()


def test_towards_an_empty_slice_the_shape_is_gone_beyond_halfway() -> None:
    painted = np.zeros((12, 21, 21), np.uint8)
    painted[0] = painted[1] = disc(8.0, (1.0, 1.0), (21, 21))
    filled = interpolate_shapes(painted, 0, [11])
    areas = filled[1:].sum(axis=(1, 2)).astype(int)
    assert (np.diff(areas[:6]) < 0).all()
    assert not filled[7:].any()


def test_where_two_labels_meet_the_deeper_one_wins() -> None:
    painted = np.zeros((5, 15, 15), np.uint8)
    painted[0, 2:13, 2:13] = painted[4, 2:13, 2:13] = 1
    painted[1, 6:9, 6:9] = painted[3, 6:9, 6:9] = 2
    filled = interpolate_shapes(painted, 0)
    assert filled[2, 7, 7] == 1  # 5.5 mm inside label 1, 1.5 mm inside label 2
    assert (filled[1] == painted[1])[6:9, 6:9].all()
