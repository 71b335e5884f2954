"""What every baseline promises: painted slices untouched, axes and labels treated alike, one clear error."""

import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from PatchICLLib.baselines.graph_cut import graph_cut
from PatchICLLib.baselines.interpolation import interpolate_shapes
from PatchICLLib.baselines.nearest import nearest_slice
from PatchICLLib.baselines.per_label import Baseline
from PatchICLLib.baselines.random_walker import random_walker
from PatchICLLib.baselines.slicer_filters import fill_between_slices, grow_from_seeds
from PatchICLLib.errors import InputError

BASELINES: list[Baseline] = [nearest_slice, interpolate_shapes, graph_cut]
if importlib.util.find_spec("slicer") is not None:
    BASELINES += [fill_between_slices, grow_from_seeds]
if importlib.util.find_spec("skimage") is not None:
    BASELINES.append(random_walker)
every_baseline = pytest.mark.parametrize("baseline", BASELINES, ids=lambda baseline: baseline.fill.__name__)


def paint(seed: int, axis: int, dtype: type) -> tuple[np.ndarray, np.ndarray, dict[int, list[int]]]:
    """Random blobs of two labels on slices of their own; returns labels, image and the slices of each label."""
    random = np.random.default_rng(seed)
    painted = np.zeros((10, 12, 9), dtype)
    slices: dict[int, list[int]] = {}
    for label in (2, 5):
        slices[label] = sorted(random.choice(10, 3, replace=False).tolist())
        for index in slices[label][:2]:  # the third is declared empty
            corner = random.integers(0, 5, 2)
            region = painted[index, corner[0] : corner[0] + 4, corner[1] : corner[1] + 4]
            region[region == 0] = label
    image = random.normal(size=painted.shape).astype(np.float32)
    order = {0: (0, 1, 2), 1: (1, 0, 2), 2: (1, 2, 0)}[axis]
    return painted.transpose(order).copy(), image.transpose(order).copy(), slices


@every_baseline
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), axis=st.integers(0, 2), dtype=st.sampled_from([np.uint8, np.int16, np.uint16]))
def test_painted_slices_are_never_changed(baseline: Baseline, seed: int, axis: int, dtype: type) -> None:
    painted, image, slices = paint(seed, axis, dtype)
    before = painted.copy()
    filled = baseline(painted, axis, slices, image=image, spacing=(1.5, 1.0, 2.0))
    np.testing.assert_array_equal(painted, before)
    assert filled.dtype == painted.dtype and filled.shape == painted.shape
    np.testing.assert_array_equal(filled[painted > 0], painted[painted > 0])
    for label, indices in slices.items():
        taken = np.take(filled, indices, axis) == label
        np.testing.assert_array_equal(taken, np.take(painted, indices, axis) == label)


@every_baseline
@pytest.mark.parametrize("axis", [1, 2])
def test_the_axis_does_not_matter(baseline: Baseline, axis: int) -> None:
    painted, image, slices = paint(3, 0, np.uint8)
    along_first = baseline(painted, 0, slices, image=image, spacing=(3.0, 1.0, 1.0))
    moved, moved_image = np.moveaxis(painted, 0, axis).copy(), np.moveaxis(image, 0, axis).copy()
    spacing = [1.0, 1.0, 1.0]
    spacing[axis] = 3.0
    along_axis = baseline(moved, axis, slices, image=moved_image, spacing=tuple(spacing))
    np.testing.assert_array_equal(np.moveaxis(along_axis, axis, 0), along_first)


@every_baseline
def test_nothing_painted_is_an_error(baseline: Baseline) -> None:
    empty = np.zeros((4, 4, 4), np.uint8)
    with pytest.raises(InputError, match="No voxel is painted"):
        baseline(empty, 0, image=empty)


@every_baseline
def test_a_declared_slice_outside_the_volume_is_an_error(baseline: Baseline) -> None:
    painted = np.ones((4, 4, 4), np.uint8)
    with pytest.raises(InputError, match="slice 4 lies outside"):
        baseline(painted, 0, [4], image=painted)


@every_baseline
def test_an_unknown_axis_is_an_error(baseline: Baseline) -> None:
    painted = np.ones((4, 4, 4), np.uint8)
    with pytest.raises(InputError, match="axis must be 0, 1 or 2, but it is 3"):
        baseline(painted, 3, image=painted)


every_one_that_looks_at_the_image = pytest.mark.parametrize(
    "baseline",
    [baseline for baseline in BASELINES if baseline in (grow_from_seeds, random_walker, graph_cut)],
    ids=lambda baseline: baseline.fill.__name__,
)


@every_one_that_looks_at_the_image
def test_an_image_of_another_grid_is_an_error(baseline: Baseline) -> None:
    with pytest.raises(InputError, match="one grid"):
        baseline(np.ones((4, 4, 4), np.uint8), 0, image=np.ones((4, 4, 5)))


@every_one_that_looks_at_the_image
def test_the_image_is_needed(baseline: Baseline) -> None:
    with pytest.raises(InputError, match="image beside the painted labels"):
        baseline(np.ones((3, 3, 3), np.uint8), 0)


@every_one_that_looks_at_the_image
def test_an_edge_is_followed_that_shape_alone_cannot_know(baseline: Baseline) -> None:
    image = np.zeros((9, 24, 24), np.float32)
    truth = np.zeros(image.shape, bool)
    for index in range(9):
        shift = 4 - abs(index - 4)  # moves away from the painted slices and back
        truth[index, 6 + shift : 14 + shift, 6:14] = True
    image[truth] = 100.0
    painted = np.where(np.isin(np.arange(9), (0, 8))[:, None, None], truth, False).astype(np.uint8)
    filled = baseline(painted, 0, image=image)
    # One row of the middle slice is equally cheap from inside and outside.
    assert np.count_nonzero((filled == 1) != truth) <= 8
    assert np.count_nonzero((interpolate_shapes(painted, 0) == 1) != truth) > 100


@every_one_that_looks_at_the_image
@pytest.mark.parametrize("columns", [3, 6])
def test_an_image_that_shows_nothing_is_no_error(baseline: Baseline, columns: int) -> None:
    painted = np.zeros((5, 6, 6), np.uint8)
    painted[[0, 4], :, :columns] = 1
    filled = baseline(painted, 0, image=np.full(painted.shape, 7, np.int16))
    assert filled[2][painted[0] == 1].all()
