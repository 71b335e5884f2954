"""The published model as a whole: cost, equations seen in its trace, context kept apart from targets, training."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from PatchICLLib.cascade.entropy import binary_entropy, patch_means
from PatchICLLib.cascade.paper import PaperCascade, PaperConfiguration
from PatchICLLib.errors import InputError
from PatchICLLib.universeg import UniverSeg
from Testing.Miniatures.small_cascade import TINY_PAPER
from Testing.Miniatures.squares import squares


@pytest.fixture(scope="module")
def tiny() -> PaperCascade:
    torch.manual_seed(0)
    return PaperCascade(TINY_PAPER).eval()


@pytest.mark.slow
def test_costs_what_the_paper_reports():
    """308 GFLOPs at 512 with 3 context images, within 5 %."""
    model = PaperCascade().eval()
    images, masks = squares(1, 3, 512)
    with FlopCounterMode(display=False) as counter, torch.inference_mode(), sdpa_kernel(SDPBackend.MATH):
        model(images[:, :1], model.encode_context(images, masks))
    assert counter.get_total_flops() / 1e9 == pytest.approx(308, rel=0.05)


def test_trace_obeys_the_equations(tiny):
    images, masks = squares(1, 2, 32)
    with torch.no_grad():
        output = tiny(images[:, :1], tiny.encode_context(images, masks))
    coarse, fine = output.levels
    assert [level.resolution for level in output.levels] == [16, 32]
    assert coarse.selection.count == 4
    assert fine.selection.count == 5
    assert [tuple(level.context.shape) for level in output.levels] == [(1, 2, 3), (1, 2, 6)]
    torch.testing.assert_close(coarse.weights, torch.ones(1, 4))  # nothing known: one bit everywhere
    upsampled = torch.nn.functional.interpolate(coarse.after, size=32, mode="bilinear", align_corners=False)
    torch.testing.assert_close(fine.before, upsampled)
    torch.testing.assert_close(fine.weights, patch_means(binary_entropy(upsampled), 8, 8))  # eq. 1
    best = fine.weights[0].topk(5).indices
    assert set(fine.selection.indices[0].tolist()) == set(best.tolist())  # eq. 2 without noise
    assert fine.coverage.sum() == 5 * 64
    torch.testing.assert_close(fine.after * (1 - fine.coverage), fine.before * (1 - fine.coverage))  # eq. 4
    assert ((fine.after - fine.before) * fine.coverage).abs().max() > 1e-4
    assert output.logits is fine.after


def test_overlapping_patches_work():
    torch.manual_seed(0)
    model = PaperCascade(PaperConfiguration(**{**vars(TINY_PAPER), "patch_stride": 4})).eval()
    images, masks = squares(1, 1, 32)
    with torch.no_grad():
        output = model(images, model.encode_context(images, masks))
    assert output.levels[-1].coverage.sum() <= 5 * 64
    assert output.logits.shape == (1, 1, 32, 32)


@pytest.mark.parametrize("attention", ["bidirectional", "context_blind"])
def test_targets_sharing_a_context_get_what_they_get_alone(attention):
    torch.manual_seed(0)
    model = PaperCascade(PaperConfiguration(**{**vars(TINY_PAPER), "attention": attention})).eval()
    images, masks = squares(2, 2, 32)
    targets, _ = squares(4, 1, 32, seed=5)
    with torch.no_grad():
        together = model(targets, model.encode_context(images, masks)).logits
        for number in range(4):
            own = slice(number // 2, number // 2 + 1)
            alone = model(targets[number : number + 1], model.encode_context(images[own], masks[own])).logits
            torch.testing.assert_close(together[number : number + 1], alone, rtol=1e-4, atol=1e-5)


def test_the_two_attention_modes_differ():
    results = []
    for attention in ("bidirectional", "context_blind"):
        torch.manual_seed(0)
        model = PaperCascade(PaperConfiguration(**{**vars(TINY_PAPER), "attention": attention})).eval()
        images, masks = squares(1, 2, 32)
        with torch.no_grad():
            results.append(model(images[:, :1], model.encode_context(images, masks)).logits)
    assert (results[0] - results[1]).abs().max() > 1e-6


def test_order_of_context_images_does_not_matter(tiny):
    images, masks = squares(1, 3, 32)
    target, _ = squares(1, 1, 32, seed=7)
    with torch.no_grad():
        expected = tiny(target, tiny.encode_context(images, masks)).logits
        result = tiny(target, tiny.encode_context(images.flip(1), masks.flip(1))).logits
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)


def test_masks_matter_and_registers_are_carried_on(tiny):
    images, masks = squares(1, 2, 32)
    with torch.no_grad():
        expected = tiny(images[:, :1], tiny.encode_context(images, masks))
        other = tiny(images[:, :1], tiny.encode_context(images, masks.roll(8, dims=3)))
        assert (expected.logits - other.logits).abs().max() > 1e-4
        context = tiny.encode_context(images, masks)
        maps = tiny.features.of_target(images[:, :1])
        before = torch.zeros(1, 1, 32, 32)
        without, _ = tiny._segment_level(maps, before, None, context.levels[1], 5, None, False)
        handed_on, _ = tiny._segment_level(maps, before, torch.randn(1, 1, 32), context.levels[1], 5, None, False)
    assert (without.after - handed_on.after).abs().max() > 1e-5


def test_training_draws_patches_and_evaluation_repeats_itself(tiny):
    images, masks = squares(1, 2, 64)
    model = PaperCascade(PaperConfiguration(**{**vars(TINY_PAPER), "resolutions": (32,), "temperature": 1.0}))

    def drawn(seed: int) -> list[int]:
        generator = torch.Generator().manual_seed(seed)
        return model(images[:, :1], model.encode_context(images, masks, generator=generator)).levels[1].context.tolist()

    model.train()
    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    model.eval()
    assert drawn(1) == drawn(2)


def test_gradients_reach_everything_but_the_encoder(tiny):
    images, masks = squares(1, 2, 32)
    model = PaperCascade(TINY_PAPER).train()
    output = model(images[:, :1], model.encode_context(images, masks))
    sum(level.after.square().mean() for level in output.levels).backward()
    for name, parameter in model.named_parameters():
        if name.startswith("features."):
            assert parameter.grad is None
        else:
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name


def test_recites_the_first_context_images_masks_from_tokens_alone(tiny):
    images, masks = squares(2, 3, 32)
    targets = images[:, :2].flatten(0, 1)[:, None]
    context = tiny.encode_context(images, masks)
    with torch.no_grad():
        plain, asked = tiny(targets, context), tiny(targets, context, recite=True)
    assert torch.equal(plain.logits, asked.logits)
    for level, silent in zip(asked.levels, plain.levels, strict=True):
        assert silent.recited is None
        sets, _, patches = level.context.shape
        assert level.recited.shape == (sets, patches, 8, 8)
    # a decoder that reads nothing but tokens writes the same for the same tokens
    seen = []
    handle = tiny.norm.register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.no_grad():
        tiny(targets, context, recite=True)
    handle.remove()
    level, code = asked.levels[-1], tiny.resolution((32,))
    tokens = seen[-1][0, -context.levels[-1].tokens.shape[1] :][: level.context.shape[2]]
    blank = [torch.zeros(len(tokens), TINY_PAPER.features, side, side) for side in (8, 4, 2)]
    with torch.no_grad():
        torch.testing.assert_close(tiny.decoder(tokens, blank, code)[:, 0], level.recited[0])


def test_takes_the_encoder_of_a_trained_universeg(tiny):
    torch.manual_seed(4)
    network = UniverSeg(TINY_PAPER.encoder)
    model = PaperCascade(TINY_PAPER)
    model.features.load(network)
    for name, tensor in model.features.encoder.state_dict().items():
        torch.testing.assert_close(tensor, network.state_dict()[name])
    assert not any(parameter.requires_grad for parameter in model.features.parameters())


@pytest.mark.parametrize(
    ("context", "target", "said"),
    [
        ((1, 2, 32, 24), (1, 1, 32, 32), "sets, images, side, side"),
        ((1, 0, 32, 32), (1, 1, 32, 32), "sets, images, side, side"),
        ((1, 2, 36, 36), (1, 1, 36, 36), "multiple of 8"),
        ((1, 2, 32, 32), (1, 1, 64, 64), "do not fit a context"),
        ((2, 2, 32, 32), (3, 1, 32, 32), "do not fit a context"),
    ],
)
def test_says_which_shapes_do_not_fit(tiny, context, target, said):
    with pytest.raises(InputError, match=said):
        tiny(torch.zeros(target), tiny.encode_context(torch.zeros(context), torch.zeros(context)))
