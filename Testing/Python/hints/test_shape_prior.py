"""The shape prior in closed form."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from PatchICLLib.hints.painted_runs import Guides
from PatchICLLib.hints.painted_stacks import PaintedStacks
from PatchICLLib.hints.seen_across import SeenAcross
from PatchICLLib.hints.shape_prior import DECAY, largest_but
from PatchICLLib.hints.signed_distance import signed_distance

SIZE = 64
ROW, COLUMN = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5, indexing="ij")
RADIUS = np.hypot(ROW - 32, COLUMN - 32)
POSITIONS = np.array([0.0, 0.5, 1.0])


@dataclass(frozen=True)
class Shapes:
    """Shapes of one task's painted slices (k, S, S), of which nothing else is asked."""

    masks: torch.Tensor

    def at(
        self, positions: np.ndarray, targets: np.ndarray, motion: torch.Tensor, across: SeenAcross | None = None
    ) -> torch.Tensor:
        masks = self.masks[None]
        stacks = PaintedStacks(torch.zeros_like(masks), masks, positions[None], np.array([len(positions)]))
        guides = Guides(torch.zeros(len(targets), 2, 8, 8), motion)
        return stacks.hints(np.zeros(len(targets), int), targets, guides, across).shape


def prior(*radii: float) -> Shapes:
    return Shapes(torch.from_numpy(np.stack([r >= RADIUS for r in radii]).astype(np.float32)))


def still(targets: np.ndarray) -> torch.Tensor:
    return torch.zeros(len(targets), 2, 2, 8, 8)


def shapes_at(shapes: Shapes, positions: np.ndarray, targets: np.ndarray) -> torch.Tensor:
    """Of a picture that does not move, before they are grown or shrunk."""
    return shapes.at(positions, targets, still(targets))[:, 0]


def test_painted_slices_are_reproduced() -> None:
    logits = shapes_at(prior(10, 14, 6), POSITIONS, POSITIONS)
    for field, radius in zip(logits, (10, 14, 6), strict=True):
        np.testing.assert_array_equal(field.numpy() > 0, radius >= RADIUS)


def test_half_way_between_equal_areas_is_the_mean_of_the_squashed_distances() -> None:
    shapes = prior(10, 10, 6)
    squash = 0.5 * np.sqrt(np.mean([(r >= RADIUS).mean() for r in (10, 10, 6)]) / np.pi) + 1e-3
    expected = np.clip(6 * np.tanh(signed_distance(RADIUS <= 10) / SIZE / squash), -4, 4)
    np.testing.assert_allclose(shapes_at(shapes, POSITIONS, np.array([0.25]))[0], expected, atol=1e-5)


def test_half_way_the_larger_of_two_shapes_has_the_say_in_either_direction() -> None:
    positions, half = np.array([0.0, 1.0]), np.array([0.5])
    widening, narrowing = (shapes_at(prior(*radii), positions, half)[0] for radii in ((4, 12), (12, 4)))
    torch.testing.assert_close(widening, narrowing)
    assert 8 < np.sqrt((widening > 0).sum().item() / np.pi) < 12


def test_sections_of_a_ball_are_foretold_between_and_beyond() -> None:
    """Areas of a ball's sections lie on a parabola; the shape grown to size has them."""
    radius, places = 20.0, np.array([-16.0, 0.0, 12.0])
    sections = np.sqrt(radius**2 - places**2)
    targets = np.array([-8.0, 5.0, 16.0, 19.0, 22.0])
    shapes = prior(*sections).at(places / SIZE, targets / SIZE, still(targets))
    found = (shapes[:, 1] > 0).sum((1, 2)).double()
    expected = np.pi * np.maximum(radius**2 - targets**2, 0)
    np.testing.assert_allclose(found[2:], expected[2:], atol=25)
    # between painted slices the size is half way from that of the interpolated shape
    plain = (shapes[:2, 0] > 0).sum((1, 2)).double().numpy()
    np.testing.assert_allclose(found[:2], (plain + expected[:2]) / 2, atol=15)


def test_where_nothing_is_expected_the_shape_grown_to_size_is_surely_outside() -> None:
    targets = np.array([0.75, 1.25, 3.0])
    ended = prior(10, -1, -1).at(POSITIONS, targets, still(targets))[:, 1]
    assert (ended < -3).all()
    tapering = prior(6, 14, 6).at(POSITIONS, np.array([2.5]), still(np.array([2.5])))[0, 1]
    assert (tapering < -3).all()


def test_a_structure_that_fills_the_region_stays_surely_inside() -> None:
    full = Shapes(torch.ones(3, SIZE, SIZE))
    assert (full.at(POSITIONS, np.array([0.25]), still(np.array([0.25]))) > 3).all()


def test_growing_and_shrinking_keeps_the_order_of_pixels() -> None:
    plain, sized = prior(4, 14, 6).at(POSITIONS, np.array([0.2]), still(np.array([0.2])))[0].flatten(1).double()
    inside = sized > 0
    assert plain[inside].min() >= plain[~inside].max() - 1e-6


@pytest.mark.parametrize(("beyond", "end"), [(-0.1, 0), (1.2, 2)])
def test_shrinks_beyond_the_ends(beyond: float, end: int) -> None:
    radius = (10, 14, 6)[end]
    field = shapes_at(prior(10, 14, 6), POSITIONS, np.array([beyond]))[0].numpy()
    distance = abs(beyond - POSITIONS[end])
    np.testing.assert_array_equal(field > 0, signed_distance(radius >= RADIUS) / SIZE > DECAY * distance)
    assert (field > 0).sum() < (radius >= RADIUS).sum()


def test_shrinks_from_where_it_is_known_to_be() -> None:
    targets, known = np.array([1.1, 1.3, 1.5, 1.5, 0.6]), np.array([0.0, 0.02, 0.1, 9.0, 9.0])
    across = SeenAcross(known, torch.zeros(5, SIZE, SIZE, dtype=torch.bool))
    found = prior(10, 14, 6).at(POSITIONS, targets, still(targets), across).numpy()
    for field, distance in zip(found[:4, 0], (0.0, 0.02, 0.1, 0.5), strict=True):
        np.testing.assert_array_equal(field > 0, signed_distance(RADIUS <= 6) / SIZE > DECAY * distance)
    between = prior(10, 14, 6).at(POSITIONS, targets[4:], still(targets[4:])).numpy()
    np.testing.assert_array_equal(found[4:], between)


def test_shrinks_until_it_holds_nothing_of_where_there_is_nothing() -> None:
    lines = torch.from_numpy(np.stack([COLUMN == 35.5, COLUMN == 10.5, ROW == 29.5]))
    targets, known = np.array([1.2, 1.2, 0.6]), np.zeros(3)
    found = prior(10, 14, 6).at(POSITIONS, targets, still(targets), SeenAcross(known, lines))[:, 0] > 0
    assert not found[0][lines[0]].any()
    assert 0 < found[0].sum() < found[1].sum()
    np.testing.assert_array_equal(found[1].numpy(), RADIUS <= 6)  # does not reach the line
    between = prior(10, 14, 6).at(POSITIONS, targets[2:], still(targets[2:]))[0, 0] > 0
    np.testing.assert_array_equal(found[2], between)


def test_an_empty_painted_slice_ends_a_structure_half_way() -> None:
    shapes = prior(10, -1)
    areas = (shapes_at(shapes, np.array([0.0, 1.0]), np.array([0.0, 0.3, 0.6, 1.0])).numpy() > 0).sum((1, 2))
    assert areas[0] > areas[1] > areas[2] == areas[3] == 0


def test_one_painted_slice() -> None:
    field = shapes_at(prior(10), np.array([0.4]), np.array([0.4, 0.9]))
    np.testing.assert_array_equal(field[0].numpy() > 0, RADIUS <= 10)
    assert field.shape == (2, SIZE, SIZE) and field.dtype == torch.float32


@pytest.mark.parametrize(("target", "side"), [(0.5, 0), (0.5, 1), (1.1, 0), (-0.1, 1)])
def test_shapes_are_carried_along_with_the_picture(target: float, side: int) -> None:
    targets = np.array([target])
    motion = still(targets)
    motion[:, :, 0] = -8 / SIZE  # each place lies 8 rows higher in the painted slices
    positions = np.array([0.0, 1.0])
    moved, rest = (prior(10, 10).at(positions, targets, m)[0, 0] > 0 for m in (motion, still(targets)))
    assert moved.any()
    torch.testing.assert_close(moved[8:], rest[:-8])
    motion[:, 1 - side] = 0  # one side alone moves the shape beyond that end, and half of it between
    if not 0 < target < 1:
        torch.testing.assert_close(prior(10, 10).at(positions, targets, motion)[0, 0] > 0, moved)


def test_a_slice_declared_empty_stays_empty_under_motion() -> None:
    targets = np.array([1.2])
    assert (prior(10, -1).at(np.array([0.0, 1.0]), targets, still(targets) + 0.1) < 0).all()


@given(
    rows=hnp.arrays(np.float32, (2, 9), elements=st.floats(-1, 1, width=32) | st.sampled_from([0.0, -0.0, 0.25, -1.0])),
    counts=st.tuples(*2 * [st.integers(0, 8)]),
)
def test_the_largest_but_some(rows: np.ndarray, counts: tuple[int, int]) -> None:
    found = largest_but(torch.from_numpy(rows), torch.tensor(counts))
    np.testing.assert_array_equal(found, [np.sort(row)[8 - count] for row, count in zip(rows, counts, strict=True)])
