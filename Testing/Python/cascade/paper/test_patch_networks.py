"""The patch encoder, its conditioning on resolution, and the decoder."""

import pytest
import torch

from PatchICLLib.cascade.paper.patch_decoder import PaperPatchDecoder
from PatchICLLib.cascade.paper.patch_encoder import ConditionedConvolution, MaskEmbedding, PaperPatchEncoder


def test_encoder_halves_from_8_to_2_and_averages():
    encoder = PaperPatchEncoder(6, 16, code=4)
    token, maps = encoder(torch.randn(5, 6, 8, 8), torch.randn(1, 4))
    assert [tuple(level.shape) for level in maps] == [(5, 16, 8, 8), (5, 16, 4, 4), (5, 16, 2, 2)]
    torch.testing.assert_close(token, maps[-1].mean((2, 3)))


def test_conditioning_scales_and_shifts_the_norm():
    torch.manual_seed(0)
    layer = ConditionedConvolution(8, 8, code=3)
    features, code = torch.randn(2, 8, 8, 8), torch.tensor([[1.0, -1.0, 0.5]])
    plain = torch.nn.functional.gelu(torch.nn.functional.group_norm(layer.convolution(features), 8))
    torch.testing.assert_close(layer(features, code), plain)  # starts as the identity
    torch.nn.init.normal_(layer.modulation.linear.weight)
    assert (layer(features, code) - layer(features, -code)).abs().max() > 0.1


@pytest.mark.parametrize("skips", [True, False])
def test_decoder_reads_the_encoders_maps_only_with_skip_connections(skips):
    torch.manual_seed(0)
    decoder = PaperPatchDecoder(16, code=4, skip_connections=skips)
    token, code = torch.randn(3, 16), torch.randn(1, 4)
    maps = [torch.randn(3, 16, side, side) for side in (8, 4, 2)]
    logits = decoder(token, maps, code)
    assert logits.shape == (3, 1, 8, 8)
    for number in range(3):
        changed = [level + 1 if i == number else level for i, level in enumerate(maps)]
        # group norm removes a constant shift of all channels together, so shift half of them
        changed[number] = torch.cat((changed[number][:, :8], maps[number][:, 8:]), 1)
        assert ((decoder(token, changed, code) - logits).abs().max() > 1e-4) == skips


def test_mask_embedding_tells_masks_apart():
    torch.manual_seed(0)
    embed = MaskEmbedding(16)
    tokens = torch.randn(2, 16)
    left = torch.zeros(2, 1, 8, 8)
    left[..., :3] = 1
    assert (embed(tokens, left) - embed(tokens, 1 - left)).abs().max() > 1e-3
