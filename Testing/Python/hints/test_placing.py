"""Context pictures find where a target shows what surrounds their structure, and stay where nothing does."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from PatchICLLib.hints.placing import Landmarks, hints_of_moved

SIZE, CELL = 128, 1 / 64
_RNG = np.random.default_rng(3)
_ROWS, _COLUMNS = np.meshgrid(*[(np.arange(SIZE) + 0.5) / SIZE] * 2, indexing="ij")


def scene(row: float, column: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A dark disc with a bright mark at one side, in noise: standardised, and the disc."""
    rng = np.random.default_rng(seed)
    inside = np.hypot(_ROWS - row, _COLUMNS - column) < 0.08
    mark = np.hypot(_ROWS - row - 0.04, _COLUMNS - column - 0.13) < 0.05
    image = rng.normal(0, 0.2, (SIZE, SIZE)) - 2.0 * inside + 2.0 * mark
    return ((image - image.mean()) / image.std()).astype(np.float32), inside.astype(np.float32)


def scenes(places: list[tuple[float, float]], seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    images, masks = zip(*(scene(*place, seed + n) for n, place in enumerate(places)), strict=True)
    return torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(masks))


place = st.tuples(*[st.floats(0.25, 0.75)] * 2)


@given(st.lists(place, min_size=1, max_size=4), place, st.integers(0, 1000))
@settings(max_examples=12, deadline=None)
def test_every_context_comes_to_lie_on_the_target(places, goal, seed):
    known = Landmarks.of(*scenes(places, seed))
    found = known.find(scenes([goal], seed + 10)[0])
    for own, offset in zip(places, known.offsets.numpy(), strict=True):
        shift = (offset + found.shifts[0].numpy()) * found.moved.item()
        assert np.linalg.norm(own + shift - goal) < 6 * CELL  # what is near looks alike as it lies


def test_slices_of_one_scan_are_not_moved():
    """Their structure moves, what surrounds it does not."""
    image, _ = scene(0.5, 0.5, 0)
    images = torch.from_numpy(np.stack([image + _RNG.normal(0, 0.1, image.shape) for _ in range(4)]).astype(np.float32))
    masks = scenes([(0.4, 0.4), (0.5, 0.5), (0.55, 0.45)])[1]
    found = Landmarks.of(images[:3], masks).find(images[3:])
    assert not found.moved.any() and found.alike.all()


def test_nothing_is_moved_to_where_nothing_is():
    known = Landmarks.of(*scenes([(0.4, 0.4), (0.6, 0.5)]))
    noise = torch.from_numpy(_RNG.normal(0, 1, (3, SIZE, SIZE)).astype(np.float32))
    found = known.find(noise)
    assert not found.moved.any() and not found.alike.any()


def test_targets_are_placed_one_by_one():
    known = Landmarks.of(*scenes([(0.4, 0.4), (0.6, 0.5)]))
    targets = scenes([(0.3, 0.7), (0.6, 0.3), (0.5, 0.5)], 20)[0]
    together, alone = known.find(targets), [known.find(target[None]) for target in targets]
    for name in ("shifts", "moved", "alike"):
        expected = torch.cat([getattr(one, name) for one in alone])
        torch.testing.assert_close(getattr(together, name), expected, rtol=0, atol=0)
    assert len(together.shifts.unique(dim=0)) == 3


def test_a_context_without_the_structure_stays_where_it_is():
    images, masks = scenes([(0.3, 0.3), (0.6, 0.6), (0.4, 0.6)])
    masks[1] = 0
    offsets = Landmarks.of(images, masks).offsets
    expected = torch.tensor([[0.05, 0.15], [0.0, 0.0], [-0.05, -0.15]])
    torch.testing.assert_close(offsets, expected, atol=0.01, rtol=0)


@pytest.mark.parametrize("size", [32, 64, 256])
def test_any_size_of_the_input_is_taken(size):
    images, masks = (torch.nn.functional.interpolate(x[:, None], size=(size, size))[:, 0] for x in scenes([(0.4, 0.4)]))
    target = torch.nn.functional.interpolate(scenes([(0.6, 0.5)], 5)[0][:, None], size=(size, size))[:, 0]
    found = Landmarks.of(images, masks).find(target)
    torch.testing.assert_close(found.shifts, torch.tensor([[0.2, 0.1]]), atol=2 * CELL, rtol=0)
    assert found.moved.all()


def test_flat_pictures_are_not_moved():
    masks = scenes([(0.4, 0.4)])[1]
    assert not Landmarks.of(torch.zeros(1, SIZE, SIZE), masks).find(torch.zeros(2, SIZE, SIZE)).moved.any()


def test_moved_masks_hint_at_their_mean_form_where_they_come_to_lie():
    masks = scenes([(0.3, 0.3), (0.5, 0.6), (0.4, 0.4)])[1]
    masks[2] = 0
    hints = hints_of_moved(masks, torch.tensor([[0.25, 0.25], [0.05, -0.05], [0.0, 0.0]]))
    inside = scenes([(0.55, 0.55)])[1][0] >= 0.5
    assert hints.flags().tolist() == [[1, 0, 0]] and (hints.shape[0, 0] == hints.shape[0, 1]).all()
    assert ((hints.shape[0, 0] > 0) != inside).float().mean() < 0.01
    assert 1 < hints.shape.abs().max() <= 1.5


def test_masks_moved_out_of_sight_hint_at_nothing():
    hints = hints_of_moved(scenes([(0.3, 0.3)])[1], torch.tensor([[-1.0, 0.0]]))
    assert not hints.flags().any() and hints.shape.isfinite().all()
