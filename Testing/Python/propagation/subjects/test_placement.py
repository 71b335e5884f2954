"""Structures of other subjects are found where they lie, whatever their size and however scans are stored."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from PatchICLLib.propagation.geometry.orientation import Orientation
from PatchICLLib.propagation.subjects.correlation import CoarseScan, Correlation
from PatchICLLib.propagation.subjects.finished_structure import FinishedStructure, turned_alike
from PatchICLLib.propagation.subjects.outlines_of_slices import SliceOutlines
from PatchICLLib.propagation.subjects.placement import (
    Placement,
    agreeing,
    painted_size,
    placed_by_look,
    placed_by_painting,
    placed_on,
)
from PatchICLLib.propagation.subjects.shown_slices import shown_slices
from Testing.Miniatures.patients import ORDERS, SPACING, Patient


def _error(placement: Placement, one: Patient, other: Patient) -> float:
    """Distance in mm between where the organ's center is placed and where it is."""
    return float(np.linalg.norm(placement.of(other.finished.center) - one.finished.center))


@pytest.mark.parametrize(("scale", "moved"), [(1.0, (4, -3, 2)), (0.87, (-3, 4, 0)), (1.15, (2, 2, -3))])
def test_structure_is_found_by_its_look(scale: float, moved: tuple[float, float, float]) -> None:
    here, there = Patient.of(1, scale, moved), Patient.of(2)
    placement = placed_by_look(Correlation.of(CoarseScan(here.image, SPACING), there.finished))
    assert placement is not None
    assert _error(placement, here, there) < 2.5
    assert placement.scale == pytest.approx(scale, abs=0.09)
    assert placement.correlation > 0.7


def test_fine_voxels_say_the_same_as_coarse_ones() -> None:
    here, there = Patient.of(1, 1.0, (4, -3, 2)), Patient.of(2)
    fine = np.repeat(np.repeat(np.repeat(here.image, 3, 0), 4, 1), 4, 2)
    spacing = (SPACING[0] / 3, SPACING[1] / 4, SPACING[2] / 4)
    coarse, finer = (
        placed_by_look(Correlation.of(CoarseScan(*scan), there.finished))
        for scan in ((here.image, SPACING), (fine, spacing))
    )
    assert coarse is not None and finer is not None
    shift = (np.array(SPACING) - spacing) / 2  # centers of first voxels
    np.testing.assert_allclose(finer.offset - shift, coarse.offset, atol=1.2)
    assert finer.scale == coarse.scale and finer.correlation == pytest.approx(coarse.correlation, abs=0.05)


@pytest.mark.parametrize("count", [1, 3])
def test_structure_is_found_by_painted_slices(count: int) -> None:
    here, there = Patient.of(1, 1.07, (4, -3, 2)), Patient.of(2)
    held = np.flatnonzero(here.organ.any((1, 2)))
    slices = [int(z) for z in held[len(held) // 2 + np.arange(count) * 3 - 3 * (count // 2)]]
    painted = SliceOutlines.of(here.image, here.organ[slices], slices, SPACING[1:])
    correlation = Correlation.of(CoarseScan(here.image, SPACING), there.finished)
    placement = placed_by_painting(there.finished, correlation, painted, (), SPACING[0])
    assert placement is not None
    assert _error(placement, here, there) < 2.5


def test_slices_painted_empty_bound_the_structure() -> None:
    here, there = Patient.of(1, 0.87), Patient.of(2)
    held = np.flatnonzero(here.organ.any((1, 2)))
    slices = [int(held[0]) - 1, int(held[len(held) // 2]), int(held[-1]) + 1]
    painted = SliceOutlines.of(here.image, here.organ[slices], slices, SPACING[1:])
    correlation = Correlation.of(CoarseScan(here.image, SPACING), there.finished)
    placement = placed_by_painting(there.finished, correlation, painted, (slices[0], slices[2]), SPACING[0])
    assert placement is not None
    ends = placement.of(there.finished.corners)[:, 0] / SPACING[0]
    assert slices[0] - 1 <= ends[0] and ends[1] <= slices[2] + 1


@given(distance=st.integers(0, 20), moved=st.integers(-2, 2))
@settings(max_examples=10)
def test_a_structure_of_two_parts_is_found_however_far_apart_they_are(distance: int, moved: int) -> None:
    rng = np.random.default_rng(distance)
    image, mask = rng.normal(0, 0.2, (12, 24, 60)), np.zeros((12, 24, 60), bool)
    for first in (27 - distance, 28 + distance):
        mask[2:10, 10:14, first : first + 4] = True
    for z in range(12):
        image[z] += mask[z] * (2 + z) + 0.1 * z
    other = FinishedStructure(np.roll(image, moved, 0), np.roll(mask, moved, 0), (2.0, 1.0, 1.0))
    painted = SliceOutlines.of(image, mask[6:8], (6, 7), (1.0, 1.0))
    placement = placed_by_painting(
        other, Correlation.of(CoarseScan(image, other.spacing), other), painted, (), other.spacing[0]
    )
    assert placement is not None
    center = np.mean(np.nonzero(mask), axis=1) * other.spacing
    assert np.linalg.norm(placement.of(other.center) - center) < 2


@settings(max_examples=20, deadline=None)
@given(order=st.sampled_from(ORDERS), axis=st.integers(0, 2))
def test_anatomy_runs_alike_however_scans_are_stored(
    order: tuple[tuple[int, int, int], tuple[bool, bool, bool]], axis: int
) -> None:
    here, there = Patient.of(1), Patient.of(1).stored(*order)
    like = Orientation.of(axis, here.image, here.organ, SPACING)
    turned = turned_alike(there.image.shape, there.direction, like, here.direction)  # type: ignore[arg-type]
    np.testing.assert_array_equal(turned.view(there.image), like.view(here.image))
    seen = FinishedStructure.turned(there.image, there.organ, there.spacing, turned, 3)
    assert seen.spacing == tuple(SPACING[a] for a in like.axes)
    stored_axis, stored = seen.stored_slices([1, 2])
    for number, index in zip(sorted(stored), sorted(stored), strict=True):
        plane = np.moveaxis(there.image, stored_axis, 0)[number]
        assert any(np.isclose(plane.sum(), like.view(here.image)[z].sum(), rtol=1e-4) for z in (1, 2)), index


def test_axes_are_taken_for_alike_where_a_direction_is_unknown() -> None:
    like = Orientation((1, 2, 0), (True, False, True), (4, 5, 6))
    for pair in ((None, np.eye(3)), (np.eye(3), None), (None, None)):
        turned = turned_alike((7, 8, 9), pair[0], like, pair[1])
        assert (turned.axes, turned.mirrored, turned.shape) == (like.axes, like.mirrored, (7, 8, 9))


def test_placement_maps_points_and_masks_alike() -> None:
    there = Patient.of(2).finished
    placement = Placement(1.1, np.array([3.0, -2.0, 1.5]), 1.0)
    mask = placement.mask(there, range(30), (60, 60), SPACING)
    center = np.mean(np.nonzero(mask), axis=1) * SPACING
    np.testing.assert_allclose(center, placement.of(there.center), atol=0.7)


@given(size=st.floats(0.3, 3), scale=st.floats(0.8, 1.25), seed=st.integers(0, 3))
@settings(max_examples=20, deadline=None)
def test_size_of_what_is_painted_is_that_of_the_patient_however_subjects_are_scaled(
    size: float, scale: float, seed: int
) -> None:
    here, there = Patient.of(seed), Patient.of(seed).finished
    spacing = [size * s for s in SPACING]
    slices = [11, 13]
    painted = SliceOutlines.of(here.image, here.organ[slices], slices, (spacing[1], spacing[2]))
    largest = slices[int(painted.areas.argmax())]
    offset = np.array([largest * (spacing[0] - scale * SPACING[0]), 0, 0])  # that slice lies on its own
    placement = Placement(scale, offset, 1.0)
    assert painted_size([there], [placement], painted, spacing[0]) == pytest.approx(size)
    beyond = Placement(scale, offset + 500, 1.0)
    assert painted_size([there, there, there], [placement, beyond, placement], painted, spacing[0]) == pytest.approx(
        size
    )


def test_those_that_say_the_same_are_kept_and_the_likeliest_comes_first() -> None:
    one = Patient.of(2).finished
    placements = [
        Placement(1.0, np.zeros(3), 0.5),
        Placement(1.0, np.full(3, 60.0), 0.9),
        Placement(1.0, np.full(3, 1.0), 0.8),
    ]
    assert agreeing([one, one, one], placements) == [2, 0]
    assert agreeing([one] * 4, [None, *placements]) == [3, 1] and agreeing([one], [None]) == []


def test_what_was_found_moves_a_structure_there() -> None:
    here, there = Patient.of(1, 1.15, (4, -3, 2)), Patient.of(2)
    before = Placement(1.0, np.zeros(3), 0.4)
    after = placed_on(here.organ, SPACING, there.finished, before)
    assert _error(after, here, there) < 0.01 and 1.0 < after.scale < 1.15


@pytest.mark.parametrize("count", [1, 2, 5, 20])
def test_shown_slices_are_spread_over_all_structures_and_beyond_both_ends(count: int) -> None:
    structures = [Patient.of(seed).finished for seed in range(count)]
    shown = [shown_slices(one, number, count) for number, one in enumerate(structures)]
    assert sum(map(len, shown)) <= 16 + min(count, 16) + 1
    assert all(list(slices) == sorted(set(slices)) for slices in shown)
    held = structures[0].outlines.indices
    every = [z for slices in shown for z in slices]
    assert min(every) < held[0] and max(every) > held[-1]
    inside = sorted(z for z in set(every) if held[0] <= z <= held[-1])
    assert np.diff(inside).max() <= 2
