"""The two small CNNs around the attention."""

import pytest
import torch

from PatchICLLib.cascade.decoder import PatchDecoder
from PatchICLLib.cascade.encoder import PatchEncoder

CHANNELS = (4, 8, 12)


@pytest.mark.parametrize("halo", [0, 4, 8])
@pytest.mark.parametrize("patch", [8, 16])
def test_encoder_trims_the_halo_at_every_resolution(patch, halo):
    encoder = PatchEncoder(CHANNELS, halo, 6)
    features = encoder(torch.randn(3, 1, patch + 2 * halo, patch + 2 * halo), encoder.conditions(torch.randn(1, 6)))
    assert [tuple(f.shape) for f in features] == [
        (3, c, patch >> level, patch >> level) for level, c in enumerate(CHANNELS)
    ]


def test_features_stand_where_their_pixels_are():
    """A bright pixel in the halo, or in the patch, changes the finest features around itself only."""
    encoder = PatchEncoder(CHANNELS, 4, 6)
    code, crop = torch.randn(1, 6), torch.zeros(1, 1, 16, 16)
    bright = crop.clone()
    bright[..., 4 + 5, 4 + 2] = 1  # row 5, column 2 of the patch
    change = (encoder(bright, encoder.conditions(code))[0] - encoder(crop, encoder.conditions(code))[0]).abs().sum(1)[0]
    rows, columns = torch.nonzero(change > 1e-7, as_tuple=True)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (2, 7, 0, 5)  # three 3x3 convolutions


def test_resolution_changes_the_features_once_it_is_learned():
    encoder = PatchEncoder(CHANNELS, 4, 6)
    crop, codes = torch.randn(1, 1, 16, 16), torch.randn(2, 1, 6)
    before = [encoder(crop, encoder.conditions(code))[2] for code in codes]
    assert torch.equal(*before)  # at the start a single backbone for all resolutions
    torch.nn.init.normal_(encoder.modulations[2].linear.weight)
    assert not torch.equal(*[encoder(crop, encoder.conditions(code))[2] for code in codes])


def test_decoder_says_nothing_before_training():
    decoder = PatchDecoder(10, CHANNELS, 5)
    skips = tuple(torch.randn(2, c, 16 >> level, 16 >> level) for level, c in enumerate(CHANNELS))
    logits = decoder(torch.randn(2, 10, 4, 4), skips, torch.randn(2, 5, 16, 16))
    assert logits.shape == (2, 1, 16, 16)
    assert logits.eq(0).all()
    logits.sum().backward()
    assert decoder.logits.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("which", ["tokens", "quarter", "half", "full", "extra"])
def test_decoder_uses_tokens_skips_and_extra_channels(which):
    decoder = PatchDecoder(10, CHANNELS, 5)
    torch.nn.init.normal_(decoder.logits.weight)
    inputs = {
        "tokens": torch.randn(1, 10, 4, 4),
        "full": torch.randn(1, 4, 16, 16),
        "half": torch.randn(1, 8, 8, 8),
        "quarter": torch.randn(1, 12, 4, 4),
        "extra": torch.randn(1, 5, 16, 16),
    }

    def decode(x):
        return decoder(x["tokens"], (x["full"], x["half"], x["quarter"]), x["extra"])

    changed = {**inputs, which: torch.randn(inputs[which].shape)}
    assert not torch.allclose(decode(inputs), decode(changed))
