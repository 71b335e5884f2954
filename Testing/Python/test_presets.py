"""Every preset builds, and all are called alike."""

import pytest
import torch

from PatchICLLib.errors import InputError
from PatchICLLib.presets import PRESETS, build, preset


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_called_alike(name):
    torch.manual_seed(0)
    model = build(preset(name).configuration()).eval()
    assert isinstance(model, preset(name).model)
    images, masks = torch.randn(1, 2, 64, 64), torch.zeros(1, 2, 64, 64)
    masks[..., 20:40, 20:40] = 1
    with torch.inference_mode():
        context = model.encode_context(images, masks, torch.zeros(1, 2))
        output = model(torch.randn(3, 1, 64, 64), context, None, torch.zeros(3))
    assert output.logits.shape == (3, 1, 64, 64)
    assert output.levels[-1].resolution in (64, 128)


def test_an_unknown_preset_is_refused():
    with pytest.raises(InputError, match="sparse, paper, universeg, but it is dense"):
        preset("dense")
