"""A target's result is its own: whatever other targets, sets of context and padding it is computed with."""

from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from PatchICLLib.cascade.hint_channels import Hints
from PatchICLLib.cascade.paper import PaperCascade, PaperConfiguration
from PatchICLLib.cascade.sparse import SparseCascade
from PatchICLLib.cascade.universeg_in_context import UniverSegInContext, UniverSegInContextConfiguration
from PatchICLLib.errors import InputError
from PatchICLLib.universeg import UniverSegConfiguration

SIZE = 32
TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}
ENCODER = UniverSegConfiguration((4, 4))
PAPER = PaperConfiguration((16,), (4, 6), (4, 5), features=16, heads=2, resolution_features=4, encoder=ENCODER)


@pytest.fixture(scope="module", params=["sparse", "paper", "paper-context-blind", "universeg"])
def model(request, small_configuration) -> Any:
    torch.manual_seed(3)
    made = {
        "sparse": lambda: SparseCascade(small_configuration),
        "paper": lambda: PaperCascade(PAPER),
        "paper-context-blind": lambda: PaperCascade(replace(PAPER, attention="context_blind")),
        "universeg": lambda: UniverSegInContext(UniverSegInContextConfiguration(ENCODER, None)),
    }[request.param]()
    with torch.no_grad():  # away from a neutral start, which would hide what comes after it
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    return made.eval()


@pytest.fixture(scope="module")
def drawn(discs, all_hints):
    """Makes context sets of so many images each, and targets with all that is known about them."""

    def draw(images: list[int], targets: int, seed: int):
        sets = [(*discs(1, k, SIZE, seed + i), torch.linspace(-0.3, 0.4, k)[None]) for i, k in enumerate(images)]
        at = torch.linspace(-0.2, 0.3, targets)
        return sets, discs(1, targets, SIZE, seed + 50)[0].reshape(targets, 1, SIZE, SIZE), all_hints(targets, SIZE), at

    return draw


def of(hints: Hints, rows: Any) -> Hints:
    return Hints(*(getattr(hints, f.name)[rows] for f in fields(Hints)))


def filled_up(sets: list[tuple[Tensor, Tensor, Tensor]], images: int, filling: float) -> tuple[Tensor, ...]:
    """Sets of one batch with ``filling`` for missing images, masks and positions, and which images are there."""

    def up(x: Tensor) -> Tensor:
        return torch.cat([x, torch.full((1, images - x.shape[1], *x.shape[2:]), filling)], 1)

    given = torch.stack([torch.arange(images) < x.shape[1] for x, _, _ in sets])
    return (*(torch.cat([up(part[i]) for part in sets]) for i in range(3)), given)


batches = st.tuples(
    st.lists(st.integers(1, 4), min_size=1, max_size=3), st.lists(st.integers(0, 10), min_size=1, max_size=5)
)


@settings(max_examples=8, deadline=None)
@given(batches, st.integers(0, 2), st.sampled_from([0.0, 7.0, float("nan")]), st.booleans(), st.integers(0, 20))
def test_alone_or_in_a_mixed_batch(model, drawn, batch, more, filling, joined, seed):
    images, picks = batch
    belongs = torch.tensor([p % len(images) for p in picks])
    sets, targets, hints, at = drawn(images, len(picks), seed)
    with torch.inference_mode():
        alone = [model.encode_context(*part) for part in sets]
        if joined:
            context = type(alone[0]).join(alone)
        else:
            *parts, given_images = filled_up(sets, max(images) + more, filling)
            context = model.encode_context(*parts, given=given_images)
        assert context.sets == len(images)
        together = model(targets, context, hints, at, sets=belongs).logits
        selected = model(targets, context.select(belongs), hints, at).logits
        for i, own in enumerate(belongs.tolist()):
            one = slice(i, i + 1)
            expected = model(targets[one], alone[own], of(hints, one), at[one]).logits
            torch.testing.assert_close(together[one], expected, **TOLERANCE)
            torch.testing.assert_close(selected[one], expected, **TOLERANCE)


def test_joining_what_was_joined(model, drawn):
    sets, targets, hints, at = drawn([2, 4, 1], 3, 0)
    with torch.inference_mode():
        alone = [model.encode_context(*part) for part in sets]
        join = type(alone[0]).join
        nested = model(targets, join([join(alone[:2]), alone[2]]), hints, at).logits
        torch.testing.assert_close(nested, model(targets, join(alone), hints, at).logits, **TOLERANCE)


def test_contexts_for_different_sizes_are_not_joined(model, discs):
    caches = [model.encode_context(*discs(1, 2, size)) for size in (32, 64)]
    with pytest.raises(ValueError, match="different sizes cannot be joined"):
        type(caches[0]).join(caches)


def test_a_target_for_every_set_that_is_named(model, drawn):
    sets, targets, *_ = drawn([2], 3, 0)
    with pytest.raises((ValueError, InputError), match="do not fit a context of 1 sets"):
        model(targets, model.encode_context(*sets[0]), sets=torch.tensor([0, 0]))


def test_filled_up_sets_train_as_if_they_were_not(model, drawn):
    """What is not there has no gradient either, and makes none that is not finite."""
    (part,), targets, hints, at = drawn([2], 2, 0)

    def gradients(context):
        model.zero_grad()
        model(targets, context, hints, at).logits.square().mean().backward()
        return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}

    *parts, given_images = filled_up([part], 4, 3.0)
    expected = gradients(model.encode_context(*part))
    padded = gradients(model.encode_context(*parts, given=given_images))
    assert expected and expected.keys() == padded.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(
            padded[name], gradient, rtol=1e-3, atol=1e-4, msg=lambda m, name=name: f"{name}: {m}"
        )


def test_images_encoded_apart_are_looked_at_together_in_any_order(small_configuration, drawn) -> None:
    torch.manual_seed(3)
    model = SparseCascade(small_configuration).eval()
    sets, target, _, at = drawn([2, 1, 3], 2, 11)
    one, other, third = (model.encode_context(images, masks, places) for images, masks, places in sets)
    beside = type(one).beside
    together = model(target, beside([one, other, third]), None, at).logits
    torch.testing.assert_close(model(target, beside([third, one, other]), None, at).logits, together, **TOLERANCE)
    torch.testing.assert_close(model(target, beside([one]), None, at).logits, model(target, one, None, at).logits)
    assert not torch.allclose(model(target, beside([one, other]), None, at).logits, together, **TOLERANCE)
    smaller = model.encode_context(*(x[..., : SIZE // 2, : SIZE // 2] for x in sets[0][:2]))
    with pytest.raises(ValueError, match="different sizes"):
        beside([one, smaller])
