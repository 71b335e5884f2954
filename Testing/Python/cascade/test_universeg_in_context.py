"""UniverSeg behind the cascades' calls: the same numbers as the bare network, at working size or at its own."""

import pytest
import torch
from torch.nn import functional

from PatchICLLib.cascade.universeg_in_context import UniverSegInContext, UniverSegInContextConfiguration
from PatchICLLib.errors import InputError
from PatchICLLib.training.loss import cascade_loss
from PatchICLLib.universeg import UniverSegConfiguration
from PatchICLLib.universeg.intensities import unit_range

SMALL = UniverSegConfiguration(encoder_channels=(4, 4, 4))


def adapter(working_size: int | None) -> UniverSegInContext:
    torch.manual_seed(0)
    return UniverSegInContext(UniverSegInContextConfiguration(SMALL, working_size)).eval()


def sample(size: int = 32) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.randn(4, 1, size, size), torch.randn(2, 3, size, size), (torch.rand(2, 3, size, size) > 0.5).float()


def test_at_its_own_size_it_is_the_bare_network():
    model = adapter(None)
    targets, images, masks = sample()
    with torch.no_grad():
        output = model(targets, model.encode_context(images, masks))
        for number in range(4):
            own = number // 2
            expected = model.network(
                unit_range(targets[number : number + 1]),
                unit_range(images[own][None, :, None]),
                masks[own][None, :, None],
            )
            torch.testing.assert_close(output.logits[number : number + 1], expected, rtol=1e-4, atol=1e-5)


def test_works_at_its_working_size_and_answers_at_the_inputs():
    model = adapter(16)
    targets, images, masks = sample()
    with torch.no_grad():
        output = model(targets, model.encode_context(images, masks))
    (level,) = output.levels
    assert level.resolution == 16
    assert level.after.shape == (4, 1, 16, 16)
    enlarged = functional.interpolate(level.after, size=32, mode="bilinear", align_corners=False)
    torch.testing.assert_close(output.logits, enlarged)


def test_can_be_trained_like_a_cascade():
    model = adapter(16).train()
    targets, images, masks = sample()
    output = model(targets, model.encode_context(images, masks))
    cascade_loss(output, (targets > 0).float()).backward()
    # the last supports are computed for nobody: their weights have no part in the result
    idle = {name for name, parameter in model.named_parameters() if parameter.grad is None}
    assert idle == {f"network.dec_blocks.1.support.vmapped.conv.{kind}" for kind in ("weight", "bias")}


def test_unit_range_stretches_each_image():
    images = torch.tensor([[[2.0, 4.0], [3.0, 2.0]], [[-1.0, -1.0], [-1.0, -1.0]]])
    expected = torch.tensor([[[0.0, 1.0], [0.5, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    torch.testing.assert_close(unit_range(images), expected)


@pytest.mark.parametrize(
    ("context", "target"),
    [((2, 3, 32, 16), (2, 1, 32, 32)), ((2, 3, 32, 32), (3, 1, 32, 32)), ((2, 3, 32, 32), (2, 1, 16, 16))],
)
def test_says_which_shapes_do_not_fit(context, target):
    model = adapter(16)
    with pytest.raises(InputError, match=r"do not fit|must both have"):
        model(torch.zeros(target), model.encode_context(torch.zeros(context), torch.zeros(context)))
