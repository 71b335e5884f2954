"""Likelihood of intensities against what the painted slices say."""

import numpy as np
import torch

from PatchICLLib.hints.likelihood import Likelihoods

SIDE = 96


def scene() -> tuple[torch.Tensor, torch.Tensor]:
    """Two slices: a bright and a dark square on grey; the bright one is painted on the first, moved on the second."""
    generator = torch.Generator().manual_seed(0)
    images = 0.5 + 0.02 * torch.randn(2, SIDE, SIDE, generator=generator)
    images[0, 20:50, 20:50] += 0.4
    images[1, 40:70, 30:60] += 0.4
    images[:, 60:80, 65:85] -= 0.4
    masks = torch.zeros(1, SIDE, SIDE)
    masks[0, 20:50, 20:50] = 1
    return images, masks


def likelihood(painted: torch.Tensor, masks: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Of one task."""
    return Likelihoods.learned(painted[None], masks[None]).of(images, np.zeros(len(images), int))


def test_high_on_what_looks_like_the_structure_wherever_it_lies() -> None:
    images, masks = scene()
    found = likelihood(images[:1], masks, images)
    assert found.shape == images.shape and found.min() >= 0 and found.max() <= 1
    assert found[1, 45:65, 35:55].min() > 0.8
    assert found[1, :30, 10:].max() < 0.2


def test_no_opinion_on_intensities_that_were_never_painted_or_left_out_nearby() -> None:
    images, masks = scene()
    found = likelihood(images[:1], masks, images)
    # the dark square lies beyond the ring around the painted structure
    assert (found[1, 64:76, 69:81] - 0.5).abs().max() < 0.05


def test_nothing_painted_is_likely_nowhere_or_unknown() -> None:
    images, _ = scene()
    found = likelihood(images[:1], torch.zeros(1, SIDE, SIDE), images)
    assert (found <= 0.5 + 1e-6).all()


def test_a_slice_without_the_structure_shows_what_lies_outside() -> None:
    """Where the structure lay, the second slice is of the structure's brightness but declared empty."""
    images, masks = scene()
    images[1] = images[0]
    alone = likelihood(images[:1], masks, images)
    both = likelihood(images, torch.cat([masks, torch.zeros_like(masks)]), images)
    assert both[0, 25:45, 25:45].mean() < alone[0, 25:45, 25:45].mean() - 0.1


def test_slices_do_not_depend_on_each_other() -> None:
    images, masks = scene()
    many = likelihood(images[:1], masks, images.repeat(20, 1, 1))
    torch.testing.assert_close(many[-2:], likelihood(images[:1], masks, images))


def test_tasks_of_different_numbers_of_painted_slices_do_not_depend_on_each_other() -> None:
    images, masks = scene()
    both = torch.cat([masks, masks.roll(9, 1)])
    padded = torch.stack([torch.cat([masks, torch.ones_like(masks)]), both])  # what pads is no slice without structure
    learned = Likelihoods.learned(torch.stack([images, images.flip(0)]), padded, np.array([1, 2]))
    found = learned.of(torch.cat([images, images]), np.array([0, 1, 1, 0]))
    torch.testing.assert_close(found[[0, 3]], likelihood(images[:1], masks, images))
    torch.testing.assert_close(found[[2, 1]], likelihood(images.flip(0), both, images))
