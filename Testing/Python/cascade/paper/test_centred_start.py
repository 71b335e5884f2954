"""With centred initial weights the published model hears its context from the first step on."""

from dataclasses import replace

import pytest
import torch

from PatchICLLib.cascade.paper import PaperCascade, PaperConfiguration
from PatchICLLib.cascade.paper.centred_start import centre
from PatchICLLib.universeg import UniverSegConfiguration
from Testing.Miniatures.squares import squares

SMALL = PaperConfiguration(
    features=32,
    resolutions=(24,),
    target_patches=(9, 9),
    context_patches=(9, 9),
    encoder=UniverSegConfiguration(encoder_channels=(8, 8, 8, 8)),
)


def heard(model: PaperCascade) -> float:
    """How far mirrored context masks move the logits, in deviations of the logits between patches."""
    images, masks = squares(8, 3, 24, seed=1)
    model.eval()
    with torch.no_grad():
        target = images[:, :1].flip(1)
        one, other = (
            model(target, model.encode_context(images[:, 1:], m[:, 1:])).logits for m in (masks, masks.flip(-1))
        )
    return float((one - other).std() / one.std())


def made(seed: int, configuration: PaperConfiguration = SMALL) -> PaperCascade:
    torch.manual_seed(seed)
    return PaperCascade(configuration)


def centred(seed: int, configuration: PaperConfiguration = SMALL) -> PaperCascade:
    model = made(seed, configuration).eval()
    images, masks = squares(8, 3, 24, seed=1)
    centre(model, images[:, :2], masks[:, :2], images[:, 2:])
    return model


@pytest.mark.parametrize("seed", range(2))
def test_masks_of_the_context_move_the_prediction_from_the_start(seed):
    assert heard(made(seed)) < 0.02
    assert heard(centred(seed)) > 0.2


def test_without_skip_connections_too():
    assert heard(centred(0, replace(SMALL, skip_connections=False))) > 0.2


@pytest.fixture(scope="module")
def model() -> PaperCascade:
    return centred(2)


def test_first_prediction_is_background_with_a_moderate_spread(model):
    images, masks = squares(8, 3, 24, seed=1)
    with torch.no_grad():
        logits = model(images[:, 2:], model.encode_context(images[:, :2], masks[:, :2])).logits
    assert float(logits.mean()) == pytest.approx(-1.5, abs=0.05)
    assert float(logits.std()) == pytest.approx(0.5, abs=0.05)


def test_names_shapes_encoder_and_mode_stay(model):
    before, after = made(2), model
    assert {k: v.shape for k, v in before.state_dict().items()} == {k: v.shape for k, v in after.state_dict().items()}
    for one, other in zip(before.features.parameters(), after.features.parameters(), strict=True):
        assert torch.equal(one, other)
    assert not after.training
