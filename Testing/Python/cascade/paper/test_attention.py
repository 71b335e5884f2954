"""Joint attention against its formula; who sees whom in the two modes."""

import pytest
import torch

from PatchICLLib.cascade.paper.attention import CONTEXT, TARGET, PaperAttentionLayer, context_blind
from PatchICLLib.cascade.positions import RotaryEmbedding, Rotation

# one register, two target patches, three context patches
TYPES = torch.tensor([CONTEXT, TARGET, TARGET, CONTEXT, CONTEXT, CONTEXT])


@pytest.fixture
def layer() -> PaperAttentionLayer:
    torch.manual_seed(0)
    return PaperAttentionLayer(16, 2, dropout=0.0).eval()


def rotation(tokens: int, seed: int = 0) -> Rotation:
    positions = torch.rand(1, tokens, 3, generator=torch.Generator().manual_seed(seed))
    return RotaryEmbedding(8)(positions)


def no_rotation(tokens: int) -> Rotation:
    return RotaryEmbedding(8)(torch.zeros(1, tokens, 3))


def test_equals_softmax_attention_with_a_zero_key(layer):
    """Written out head by head: the zero key adds exp(0) = 1 to every denominator and nothing to the numerator."""
    torch.manual_seed(1)
    tokens = torch.randn(1, 6, 16)
    with torch.no_grad():
        result = layer(tokens, TYPES, no_rotation(6))
        typed = layer.norm_attention(tokens[0]) + layer.type_embedding[TYPES]
        queries, keys, values = (typed @ layer.queries_keys_values.weight.T + layer.queries_keys_values.bias).chunk(
            3, 1
        )
        heads = []
        for head in (slice(0, 8), slice(8, 16)):
            scores = (queries[:, head] @ keys[:, head].T / 8**0.5).exp()
            heads.append(scores @ values[:, head] / (scores.sum(1, keepdim=True) + 1))
        expected = tokens[0] + layer.output(torch.cat(heads, 1))
        expected = expected + layer.mlp(layer.norm_mlp(expected))
    torch.testing.assert_close(result[0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", ["bidirectional", "context_blind"])
def test_context_sees_the_target_only_when_bidirectional(layer, mode):
    torch.manual_seed(2)
    tokens = torch.randn(1, 6, 16)
    other = tokens.clone()
    other[:, 1:3] = torch.randn(1, 2, 16)
    visible = context_blind(TYPES, registers=1) if mode == "context_blind" else None
    with torch.no_grad():
        change = (layer(tokens, TYPES, rotation(6), visible) - layer(other, TYPES, rotation(6), visible)).abs()
    change = change[0].amax(1)
    assert change[0] > 1e-4, "the register sees the target in both modes"
    assert (change[1:3] > 1e-4).all()
    if mode == "context_blind":
        assert change[3:].max() == 0
    else:
        assert (change[3:] > 1e-4).all()


def test_the_target_sees_the_context_in_both_modes(layer):
    torch.manual_seed(3)
    tokens = torch.randn(1, 6, 16)
    other = tokens.clone()
    other[:, 5] = torch.randn(1, 16)
    for visible in (None, context_blind(TYPES, registers=1)):
        with torch.no_grad():
            change = (layer(tokens, TYPES, rotation(6), visible) - layer(other, TYPES, rotation(6), visible)).abs()
        assert (change[0].amax(1) > 1e-4).all()


def test_order_of_patches_does_not_matter_but_places_do(layer):
    torch.manual_seed(4)
    tokens = torch.randn(1, 6, 16)
    here = rotation(6)
    order = torch.tensor([0, 2, 1, 5, 3, 4])
    with torch.no_grad():
        expected = layer(tokens, TYPES, here)
        shuffled = layer(
            tokens[:, order], TYPES[order], Rotation(here.cosine[:, :, :, order], here.sine[:, :, :, order])
        )
        moved = layer(tokens, TYPES, rotation(6, seed=9))
    torch.testing.assert_close(shuffled, expected[:, order], rtol=1e-4, atol=1e-5)
    assert (moved - expected).abs().max() > 1e-4


def test_types_are_told_apart(layer):
    tokens = torch.ones(1, 2, 16)
    tokens[..., ::2] = 0
    with torch.no_grad():
        same = layer(tokens, torch.tensor([TARGET, TARGET]), no_rotation(2))
        told = layer(tokens, torch.tensor([CONTEXT, TARGET]), no_rotation(2))
    torch.testing.assert_close(same[0, 0], same[0, 1])
    assert (told - same).abs().max() > 1e-4
