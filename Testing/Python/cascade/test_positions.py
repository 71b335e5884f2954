"""Tokens know where they stand, and attention scores depend on differences of position only."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.cascade.patches import PatchGrid
from PatchICLLib.cascade.positions import RotaryEmbedding, rotate, token_positions


@pytest.mark.parametrize(("size", "patch", "stride", "per_side"), [(32, 16, 16, 2), (32, 16, 8, 4), (16, 16, 16, 1)])
def test_positions_are_centres_of_the_tokens_pixels(size, patch, stride, per_side):
    grid = PatchGrid(size, patch, stride)
    indices = torch.arange(grid.count).flip(0).repeat(2, 1)
    places = torch.tensor([[0.0, 0.0, 0.3], [0.25, -0.5, -1.2]])
    ours = token_positions(indices, grid, per_side, places)
    expected = []
    side = patch // per_side
    for n in range(2):
        for index in indices[n].tolist():
            row, column = (x * stride for x in divmod(index, grid.side))
            for r in range(per_side):
                for c in range(per_side):
                    centre = np.array([row + r * side, column + c * side]) + side / 2
                    expected.append(np.array([*(centre / size), 0.0]) + places[n].numpy())
    np.testing.assert_allclose(ours.reshape(-1, 3), expected, rtol=1e-6)


positions = st.tuples(*[st.floats(-2, 2, width=32)] * 3)


@given(positions, positions, positions, st.sampled_from([8, 16, 32]))
def test_scores_depend_on_differences_of_position_only(first, second, shift, head):
    rotary = RotaryEmbedding(head).double()
    q, k = torch.randn(2, 1, 1, 1, 2, head // 2, dtype=torch.float64)

    def score(a, b):
        def turn(x, p):
            return rotate(x.expand(3, -1, -1, -1, -1, -1), rotary(torch.tensor([[p]], dtype=torch.float64)))[:2]

        return (turn(q, a) * turn(k, b)).sum().item()

    moved = [[x + s for x, s in zip(p, shift, strict=True)] for p in (first, second)]
    assert score(*moved) == pytest.approx(score(first, second), abs=1e-9)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_scores_do_depend_on_each_axis(axis):
    rotary = RotaryEmbedding(32)
    x = torch.ones(3, 1, 1, 1, 2, 16)
    here, there = torch.zeros(1, 1, 3), torch.zeros(1, 1, 3)
    there[..., axis] = 0.2
    scores = [(rotate(x, rotary(here)) * rotate(x, rotary(p)))[0].sum().item() for p in (here, there)]
    assert scores[1] < scores[0] - 1


def test_rotation_is_that_of_complex_numbers_by_wavelengths():
    rotary = RotaryEmbedding(32, longest=2.0, shortest=0.08)
    waves = 2 * math.pi / rotary.frequencies[rotary.frequencies > 0]
    assert waves.max().item() == pytest.approx(2.0)
    assert waves.min().item() == pytest.approx(0.08, rel=1e-5)
    assert (rotary.frequencies > 0).sum(0).eq(1).all()  # every pair turns with one axis
    assert (rotary.frequencies > 0).sum(1).tolist() == [6, 6, 4]
    p, x = torch.rand(1, 5, 3), torch.randn(3, 1, 2, 5, 2, 16)
    angles = p[0].numpy() @ rotary.frequencies.numpy()
    turned = (x[:2, ..., 0, :].numpy() + 1j * x[:2, ..., 1, :].numpy()) * np.exp(1j * angles)
    ours = rotate(x, rotary(p))
    np.testing.assert_allclose(ours[:2], np.stack([turned.real, turned.imag], -2), atol=1e-4)
    assert torch.equal(ours[2], x[2])  # values stay


def test_half_precision_does_not_blur_positions():
    rotary = RotaryEmbedding(32)
    p = torch.rand(1, 50, 3)
    with torch.autocast("cpu", torch.bfloat16):
        half = rotary(p)
    assert torch.equal(half.cosine, rotary(p).cosine)
