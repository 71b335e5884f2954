"""The counter against closed forms, and counting without computing against counting with."""

import pytest
import torch
from torch.nn import functional

from PatchICLLib.benchmark.flops import count_flops
from PatchICLLib.cascade.paper.attention import PaperAttentionLayer
from PatchICLLib.cascade.positions import RotaryEmbedding


@pytest.mark.parametrize("compute", [True, False])
@pytest.mark.parametrize(("heads", "queries", "keys", "length"), [(1, 5, 7, 8), (4, 30, 121, 64)])
def test_attention_is_counted(compute, heads, queries, keys, length):
    """Scores and weighted values: two products of queries x keys x length, a multiplication and an addition each."""
    q, k, v = (torch.randn(2, heads, tokens, length) for tokens in (queries, keys, keys))
    flops = count_flops(lambda: functional.scaled_dot_product_attention(q, k, v), compute)
    assert flops == 2 * (2 * 2 * heads * queries * keys * length)


@pytest.mark.parametrize("compute", [True, False])
def test_an_attention_layer_costs_its_closed_form(compute):
    features, heads, tokens = 32, 4, 11
    layer = PaperAttentionLayer(features, heads, dropout=0.0).eval()
    rotation = RotaryEmbedding(features // heads)(torch.rand(1, tokens, 3))
    types = torch.zeros(tokens, dtype=torch.long)
    flops = count_flops(lambda: layer(torch.randn(1, tokens, features), types, rotation), compute)
    linear = 2 * tokens * features * features * (3 + 1 + 4 + 4)  # q k v, output, and an MLP of four times the width
    attention = 2 * 2 * tokens * (tokens + 1) * features  # one more key than tokens: the zero key
    assert flops == linear + attention


@pytest.mark.parametrize("compute", [True, False])
def test_convolutions_cost_their_closed_form(compute):
    layer = torch.nn.Conv2d(3, 5, 3, padding=1, stride=2)
    doubling = torch.nn.ConvTranspose2d(5, 4, 2, stride=2)
    flops = count_flops(lambda: doubling(layer(torch.randn(2, 3, 8, 8))), compute)
    assert flops == 2 * 2 * (5 * 16 * 3 * 9 + 4 * 64 * 5)


def test_without_computing_the_results_are_zeros_of_the_right_shape():
    seen = []
    linear = torch.nn.Linear(3, 4, bias=False)
    count_flops(lambda: seen.append(linear(torch.ones(2, 3))))
    assert seen[0].shape == (2, 4)
    assert not seen[0].any()
