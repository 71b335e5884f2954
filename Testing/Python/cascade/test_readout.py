"""The mask read-out: against an explicit softmax over context tokens, and what it is for."""

import math

import numpy as np
import pytest
import torch

from PatchICLLib.cascade.readout import MaskReadout


@pytest.fixture
def readout() -> MaskReadout:
    torch.manual_seed(0)
    made = MaskReadout(6, 5).double()
    with torch.no_grad():
        made.log_temperature.fill_(math.log(3.5))
        made.log_scales.copy_(torch.tensor([11.0, 4.0]).double().log())
    return made


def random_tokens(n: int, tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(n, tokens, 6).double(), torch.rand(n, tokens, 3).double() * 2 - 0.5


def test_against_an_explicit_softmax(readout):
    features, positions = random_tokens(2, 4)
    context_features, context_positions = random_tokens(2, 7)
    blocks = torch.rand(2, 7, 16).double() * 2 - 1
    ours = readout.read(features, positions, readout.keys(context_features, context_positions), blocks)
    weight, bias = (p.detach().numpy() for p in readout.project.parameters())

    def unit(x):
        projected = weight @ x.numpy() + bias
        return projected / np.linalg.norm(projected)

    scales = np.array([11.0, 11.0, 4.0])
    for n in range(2):
        for t in range(4):
            scores = np.array(
                [
                    3.5 * unit(features[n, t]) @ unit(context_features[n, c])
                    - (scales * (positions[n, t] - context_positions[n, c]).numpy() ** 2).sum()
                    for c in range(7)
                ]
            )
            weights = np.exp(scores) / np.exp(scores).sum()
            np.testing.assert_allclose(ours[n, t].detach(), weights @ blocks[n].numpy(), atol=1e-10)


def test_moving_everything_changes_nothing(readout):
    features, positions = random_tokens(1, 4)
    context_features, context_positions = random_tokens(1, 7)
    blocks = torch.randn(1, 7, 16).double()
    shift = torch.tensor([0.3, -0.2, 5.0])
    first, second = (
        readout.read(features, positions + s, readout.keys(context_features, context_positions + s), blocks)
        for s in (0, shift)
    )
    torch.testing.assert_close(first, second)


def test_a_constant_mask_is_copied_and_nothing_leaves_the_masks_range(readout):
    features, positions = random_tokens(1, 5)
    keys = readout.keys(*random_tokens(1, 9))
    torch.testing.assert_close(
        readout.read(features, positions, keys, torch.full((1, 9, 16), -1.0).double()),
        torch.full((1, 5, 16), -1.0).double(),
    )
    mixed = readout.read(features, positions, keys, torch.randint(0, 2, (1, 9, 16)).double() * 2 - 1)
    assert mixed.abs().max() <= 1


def test_untrained_it_already_copies_from_the_same_place_when_all_looks_alike():
    """What makes in-context learning start: nearness in y, x, z finds the right mask before any training."""
    made = MaskReadout(6, 5)
    grid = torch.linspace(0.05, 0.95, 10)
    positions = torch.stack([*torch.meshgrid(grid, grid, indexing="ij"), torch.zeros(10, 10)], -1).reshape(1, -1, 3)
    features = torch.ones(1, 100, 6)
    blocks = torch.where(positions[..., :1] < 0.5, 1.0, -1.0).expand(1, 100, 16)
    copied = made.read(features, positions, made.keys(features, positions), blocks)
    assert ((copied > 0) == (blocks > 0)).all()


def test_weights_are_those_that_are_read_with(readout):
    features, positions = random_tokens(2, 4)
    keys = readout.keys(*random_tokens(2, 7))
    blocks = torch.rand(2, 7, 16).double() * 2 - 1
    weights = readout.weights(features, positions, keys)
    assert weights.shape == (2, 4, 7)
    torch.testing.assert_close(weights @ blocks, readout.read(features, positions, keys, blocks))


def test_many_tokens_are_read_as_a_few_are(readout):
    features, positions = random_tokens(2, 50)
    keys, blocks = readout.keys(*random_tokens(2, 20000)), torch.rand(2, 20000, 16).double()
    ours = readout.read(features, positions, keys, blocks)
    torch.testing.assert_close(ours, readout.weights(features, positions, keys) @ blocks)
