"""UniverSeg as published: size, cost, and what its mathematics promises about supports."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from PatchICLLib.errors import InputError
from PatchICLLib.universeg import UniverSeg, UniverSegConfiguration


@pytest.fixture(scope="module")
def network() -> UniverSeg:
    torch.manual_seed(1)
    return UniverSeg().eval()


def sample(supports: int, size: int = 16, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(1, 1, size, size, generator=generator)
    images = torch.rand(1, supports, 1, size, size, generator=generator)
    masks = (torch.rand(1, supports, 1, size, size, generator=generator) > 0.6).float()
    return target, images, masks


def test_has_the_published_number_of_parameters(network):
    assert sum(parameter.numel() for parameter in network.parameters()) == 1_182_785


@pytest.mark.parametrize(("size", "gflops"), [(128, 34.33), (256, 137.34), (512, 549.35)])
def test_costs_what_was_published(size, gflops):
    with torch.device("meta"):
        network = UniverSeg()
        target, supports = torch.empty(1, 1, size, size), torch.empty(1, 3, 1, size, size)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(target, supports, supports)
    assert counter.get_total_flops() / 1e9 == pytest.approx(gflops, abs=0.005)


@settings(max_examples=4, deadline=None)
@given(order=st.permutations(range(3)))
def test_order_of_supports_does_not_matter(network, order):
    target, images, masks = sample(3)
    with torch.no_grad():
        expected = network(target, images, masks)
        result = network(target, images[:, order], masks[:, order])
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)


def test_repeating_the_support_set_changes_nothing(network):
    target, images, masks = sample(2)
    with torch.no_grad():
        expected = network(target, images, masks)
        result = network(target, images.repeat(1, 2, 1, 1, 1), masks.repeat(1, 2, 1, 1, 1))
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)


def test_the_supports_matter(network):
    target, images, masks = sample(2)
    with torch.no_grad():
        moved = network(target, images, 1 - masks) - network(target, images, masks)
    assert moved.abs().max() > 0.01


def test_samples_of_a_batch_do_not_meet(network):
    one, other = sample(3, seed=1), sample(3, seed=2)
    with torch.no_grad():
        together = network(*(torch.cat(pair) for pair in zip(one, other, strict=True)))
        torch.testing.assert_close(together[:1], network(*one), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(together[1:], network(*other), rtol=1e-4, atol=1e-5)


def test_other_channels_and_depths_work():
    network = UniverSeg(UniverSegConfiguration(encoder_channels=(4, 8, 16)))
    target, images, masks = sample(2, size=16)
    assert network(target, images, masks).shape == (1, 1, 16, 16)
    assert network.configuration.stride == 4


@pytest.mark.parametrize(
    ("target", "images", "masks", "said"),
    [
        ((1, 1, 20, 20), (1, 2, 1, 20, 20), (1, 2, 1, 20, 20), "multiples of 8"),
        ((1, 1, 16, 16), (1, 2, 1, 16, 16), (1, 3, 1, 16, 16), "same shape"),
        ((1, 1, 16, 16), (1, 2, 1, 32, 32), (1, 2, 1, 32, 32), "to fit a target"),
        ((1, 1, 16, 16), (1, 0, 1, 16, 16), (1, 0, 1, 16, 16), "at least 1"),
        ((1, 3, 16, 16), (1, 2, 1, 16, 16), (1, 2, 1, 16, 16), "batch, 1, rows"),
    ],
)
def test_says_which_shapes_do_not_fit(network, target, images, masks, said):
    with pytest.raises(InputError, match=said):
        network(torch.zeros(target), torch.zeros(images), torch.zeros(masks))
