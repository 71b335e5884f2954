"""Eq. 2: Gumbel-top-k, against enumeration of drawing without replacement and against sorting."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.cascade.selection import gumbel_top_k

DRAWS = 40_000


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(st.integers(1, 40), st.integers(1, 45), st.integers(0, 10_000))
def test_without_noise_the_largest_weights_are_chosen_best_first(candidates, k, seed):
    weights = torch.rand(2, candidates, generator=generator(seed)) + 0.01
    chosen = gumbel_top_k(weights, k)
    expected = np.argsort(-weights.numpy(), axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(chosen.indices, expected)
    np.testing.assert_array_equal(chosen.weights, np.take_along_axis(weights.numpy(), expected, 1))
    assert chosen.count == min(k, candidates)
    assert chosen.valid.all()


def test_equal_weights_are_taken_in_order():
    """Ties must not depend on the machine."""
    assert gumbel_top_k(torch.ones(1, 6), 4).indices.tolist() == [[0, 1, 2, 3]]
    assert gumbel_top_k(torch.tensor([[0.0, 0.5, 0.0, 0.5]]), 4).indices.tolist() == [[1, 3, 0, 2]]


def probabilities_of_drawing(weights: list[float], k: int) -> dict[tuple[int, ...], float]:
    """Probability of every ordered draw of k without replacement, each time in proportion to what is left."""
    answer = {}
    for order in itertools.permutations(range(len(weights)), k):
        left, p = sum(weights), 1.0
        for i in order:
            p *= weights[i] / left
            left -= weights[i]
        answer[order] = p
    return answer


def test_at_temperature_one_draws_are_proportional_to_the_weights_without_replacement():
    weights = [0.5, 0.2, 0.9, 0.05]
    drawn = gumbel_top_k(torch.tensor(weights).expand(DRAWS, -1), 2, 1.0, generator(1)).indices
    for order, p in probabilities_of_drawing(weights, 2).items():
        seen = (drawn == torch.tensor(order)).all(1).float().mean().item()
        assert seen == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / DRAWS))


@pytest.mark.parametrize("temperature", [0.25, 0.5, 2.0])
def test_the_first_draw_follows_the_weights_to_the_power_of_one_over_temperature(temperature):
    """argmax(log w + t g) = argmax(log w / t + g): a softmax of log w / t."""
    weights = torch.tensor([0.5, 0.2, 0.9, 0.4])
    drawn = gumbel_top_k(weights.expand(DRAWS, -1), 1, temperature, generator(2)).indices[:, 0]
    expected = weights ** (1 / temperature) / (weights ** (1 / temperature)).sum()
    seen = torch.bincount(drawn, minlength=4) / DRAWS
    torch.testing.assert_close(seen, expected, atol=0.0125, rtol=0)


def test_every_candidate_is_drawn_at_most_once():
    drawn = gumbel_top_k(torch.rand(500, 9, generator=generator(0)), 9, 1.0, generator(3)).indices
    np.testing.assert_array_equal(drawn.sort(1).values, np.tile(np.arange(9), (500, 1)))


def test_a_seed_reproduces_the_draw_and_another_does_not():
    weights = torch.rand(20, 30, generator=generator(0))
    first, again, other = (gumbel_top_k(weights, 5, 0.5, generator(s)).indices for s in (4, 4, 5))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_noise_leaves_the_global_generator_alone():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    gumbel_top_k(torch.rand(2, 8, generator=generator(0)), 3, 1.0, generator(1))
    assert torch.equal(torch.rand(1), expected)


def test_weights_of_zero_give_finite_scores_and_come_last():
    drawn = gumbel_top_k(torch.tensor([[0.0, 0.3, 0.0, 0.8]]).expand(300, -1), 2, 0.5, generator(0))
    assert drawn.weights.min() > 0


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_the_budget_adapts_to_what_is_above_the_minimum(temperature):
    weights = torch.tensor([[0.9, 0.001, 0.5, 0.02, 0.0], [0.0, 0.001, 0.002, 0.4, 0.003]])
    chosen = gumbel_top_k(weights, 4, temperature, generator(0), minimum=0.01)
    assert chosen.count == 3  # as many as the neediest sample has
    assert chosen.valid.tolist() == [[True, True, True], [True, False, False]]
    assert set(chosen.indices[0].tolist()) == {0, 2, 3}
    assert chosen.indices[1, 0] == 3
    assert len(set(chosen.indices[1].tolist())) == 3  # places that are only filled still name different patches


def test_a_weight_equal_to_the_minimum_counts():
    assert gumbel_top_k(torch.tensor([[0.25, 0.125]]), 2, minimum=0.25).valid.tolist() == [[True]]


def test_nothing_above_the_minimum_chooses_nothing():
    chosen = gumbel_top_k(torch.full((2, 5), 1e-3), 4, minimum=0.01)
    assert chosen.count == 0
    assert chosen.indices.shape == chosen.valid.shape == (2, 0)
