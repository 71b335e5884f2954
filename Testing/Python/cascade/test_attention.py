"""The joint attention: against plain formulas, one query at a time; context is blind to targets."""

import numpy as np
import pytest
import torch

from PatchICLLib.cascade.attention import AttentionLayer
from PatchICLLib.cascade.positions import RotaryEmbedding, Rotation

HEADS, FEATURES = 2, 16


@pytest.fixture
def layer() -> AttentionLayer:
    torch.manual_seed(0)
    made = AttentionLayer(FEATURES, HEADS).double()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return made


def rotation(positions: torch.Tensor) -> Rotation:
    return RotaryEmbedding(FEATURES // HEADS).double()(positions)


def by_formula(layer, tokens, positions, kind, context=None, hidden=()):
    """One sample, one head and one query at a time; ``context`` is keys and values per head, ``hidden`` own keys."""
    w = {name: p.detach().numpy() for name, p in layer.named_parameters()}
    frequencies = RotaryEmbedding(FEATURES // HEADS).double().frequencies.numpy()

    def norm(x, name):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return x * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(x, name):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def turn(x, position):
        half = len(x) // 2
        z = (x[:half] + 1j * x[half:]) * np.exp(1j * (position @ frequencies))
        return np.concatenate([z.real, z.imag])

    x = tokens + w["type_embedding"][kind]
    projected = linear(norm(x, "norm_attention"), "queries_keys_values")
    head = FEATURES // HEADS
    attended = np.zeros_like(x)
    for h in range(HEADS):
        q, k, v = (projected[:, i * FEATURES + h * head : i * FEATURES + (h + 1) * head] for i in range(3))
        keys = [turn(k[t], positions[t]) for t in range(len(x)) if t not in hidden]
        values = [v[t] for t in range(len(x)) if t not in hidden]
        if context is not None:
            keys += list(context[0][h])
            values += list(context[1][h])
        for t in range(len(x)):
            scores = np.array([turn(q[t], positions[t]) @ key for key in keys]) / np.sqrt(head)
            weights = np.exp(scores - scores.max())
            attended[t, h * head : (h + 1) * head] = (weights / weights.sum()) @ np.array(values)
    x = x + linear(attended, "output")
    hidden_layer = linear(norm(x, "norm_mlp"), "mlp.0")
    gelu = torch.nn.functional.gelu(torch.from_numpy(hidden_layer)).numpy()
    return x + linear(gelu, "mlp.2")


def test_against_formulas_with_context_and_mask(layer):
    tokens, positions = torch.randn(1, 5, FEATURES).double(), torch.rand(1, 5, 3).double()
    context = torch.randn(2, 1, HEADS, 7, FEATURES // HEADS).double()
    mask = torch.zeros(1, 1, 1, 12).double()
    mask[..., [1, 3]] = -torch.inf
    ours = layer(tokens, rotation(positions), context, mask)
    known = context[:, 0].numpy()
    expected = by_formula(layer, tokens[0].numpy(), positions[0].numpy(), 1, known, hidden=(1, 3))
    np.testing.assert_allclose(ours[0].detach(), expected, atol=1e-10)


def test_context_alone_against_formulas_and_its_type(layer):
    tokens, positions = torch.randn(1, 6, FEATURES).double(), torch.rand(1, 6, 3).double()
    ours, (keys_values,) = layer.of_context(tokens, rotation(positions), [6], [None])
    np.testing.assert_allclose(
        ours[0].detach(), by_formula(layer, tokens[0].numpy(), positions[0].numpy(), 0), atol=1e-10
    )
    assert keys_values.shape == (2, 1, HEADS, 6, FEATURES // HEADS)


def test_groups_of_the_context_do_not_see_each_other(layer):
    tokens, positions = torch.randn(2, 9, FEATURES).double(), torch.rand(2, 9, 3).double()
    mask = torch.tensor([[0.0] * 4, [0.0, 0.0, 0.0, -torch.inf]])[:, None, None].double()
    together, keys_values = layer.of_context(tokens, rotation(positions), [5, 4], [None, mask])
    for part, hidden in ((slice(0, 5), None), (slice(5, 9), mask)):
        alone, own = layer.of_context(tokens[:, part], rotation(positions[:, part]), [part.stop - part.start], [hidden])
        torch.testing.assert_close(together[:, part], alone)
        torch.testing.assert_close(keys_values[part.start // 5], own[0])


def test_hidden_patches_do_not_matter_to_the_others(layer):
    tokens, positions = torch.randn(1, 4, FEATURES).double(), torch.rand(1, 4, 3).double()
    context = torch.randn(2, 1, HEADS, 3, FEATURES // HEADS).double()
    mask = torch.zeros(1, 1, 1, 7).double()
    mask[..., 2] = -torch.inf
    first = layer(tokens, rotation(positions), context, mask)
    changed = tokens.clone()
    changed[:, 2] = 100
    second = layer(changed, rotation(positions), context, mask)
    others = [0, 1, 3]
    torch.testing.assert_close(first[:, others], second[:, others])


def test_order_of_the_context_does_not_matter(layer):
    tokens, positions = torch.randn(1, 4, FEATURES).double(), torch.rand(1, 4, 3).double()
    context = torch.randn(2, 1, HEADS, 9, FEATURES // HEADS).double()
    order = torch.randperm(9)
    first = layer(tokens, rotation(positions), context)
    second = layer(tokens, rotation(positions), context[:, :, :, order])
    torch.testing.assert_close(first, second)
