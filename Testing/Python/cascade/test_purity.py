"""The network computes on its device alone: nothing waits, nothing moves, and results are those of the CPU."""

from dataclasses import replace

import pytest
import torch

from PatchICLLib.cascade.hint_channels import Hints
from PatchICLLib.cascade.paper import PaperCascade, PaperConfiguration
from PatchICLLib.cascade.universeg_in_context import UniverSegInContext, UniverSegInContextConfiguration
from PatchICLLib.runtime.transfers import to_device
from PatchICLLib.universeg import UniverSegConfiguration
from Testing.Miniatures.device_purity import DevicePurity

SIZE = 64


@pytest.fixture(params=["sparse", "paper", "universeg"])
def model(request, small_cascade):
    encoder = UniverSegConfiguration((4, 4))
    if request.param == "sparse":
        return small_cascade(minimum_entropy=0.2)
    if request.param == "universeg":
        return UniverSegInContext(UniverSegInContextConfiguration(encoder, 32)).eval()
    configuration = PaperConfiguration(
        (16,), (4, 6), (4, 5), features=16, heads=2, resolution_features=4, encoder=encoder
    )
    return PaperCascade(replace(configuration, attention="context_blind")).eval()


@pytest.fixture
def scene(discs, all_hints):
    """Two sets, the second of one image only; three targets with hints, the first certain nearly everywhere."""
    images, masks = discs(2, 2, SIZE)
    hints = all_hints(3, SIZE)
    hints.shape[0] = 40.0
    hints.shape[0, :, :16, :16] = 0.0
    hints.vote[0] = 0.0
    given, subject = torch.tensor([[True, True], [True, False]]), torch.tensor([[0, 1], [2, 0]])
    context = (images, masks, torch.tensor([[-0.4, 0.5], [0.1, 0.0]]), given, subject)
    target = (discs(1, 3, SIZE, 1)[0].reshape(3, 1, SIZE, SIZE), hints, torch.tensor([-0.2, 0.3, 0.1]))
    return context, target, torch.tensor([1, 0, 1])


def computed(model, scene):
    (images, masks, places, given, subject), (target, hints, at), sets = scene
    context = model.encode_context(images, masks, places, given=given, subject=subject)
    both = type(context).join([context, context.select(sets)])
    return model(target, both, hints, at, sets=sets)


def moved(scene, device):
    context, (target, hints, at), sets = scene

    def on(*tensors):
        return tuple(to_device(tensor, device) for tensor in tensors)

    there = Hints(*on(*(getattr(hints, name) for name in vars(hints))))
    return on(*context), (*on(target), there, *on(at)), *on(sets)


@torch.inference_mode()
def test_nothing_waits_or_moves_and_the_results_are_the_cpus(model, scene):
    expected = computed(model, scene).logits
    purity = DevicePurity(single=True)
    with purity:
        with purity.setting_up():
            model.to(purity.device)
            there = moved(scene, purity.device)
        output = computed(model, there)
        with purity.setting_up():
            result = output.logits.cpu()
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4)
    assert len(output.levels) == 1 if isinstance(model, UniverSegInContext) else len(output.levels) > 1


@torch.inference_mode()
def test_shapes_are_known_without_any_values(model, scene):
    device = torch.device("meta")
    output = computed(model.to(device), moved(scene, device))
    assert output.logits.shape == (3, 1, SIZE, SIZE)
    assert output.logits.device == device


def test_training_neither(small_cascade, scene):
    model = small_cascade().to("meta").train()
    computed(model, moved(scene, torch.device("meta"))).logits.square().mean().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
