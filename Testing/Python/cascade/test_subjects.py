"""Context of other subjects: a kind of its own, which keeps to itself until a target looks at it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from PatchICLLib.cascade.context_cache import ContextCache
from PatchICLLib.cascade.sparse import SparseCascade

SIZE = 32
TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}


@pytest.fixture(scope="module")
def scattered(small_configuration) -> SparseCascade:
    torch.manual_seed(4)
    model = SparseCascade(small_configuration)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.15 * torch.randn(parameter.shape))
    return model.eval()


def of_others(model: SparseCascade) -> dict[str, torch.nn.Parameter]:
    """What is added for context of other subjects."""
    return {name: p for name, p in model.named_parameters() if name.endswith("other_subject")}


@pytest.fixture
def scene(discs, all_hints):
    images, masks = discs(1, 4, SIZE)
    places = torch.tensor([[-0.3, -0.1, 0.2, 0.4]])
    targets = discs(1, 2, SIZE, 9)[0].reshape(2, 1, SIZE, SIZE)
    return (images, masks, places), targets, all_hints(2, SIZE), torch.tensor([0.0, 0.3])


def result(model, scene, subject=None):
    context, targets, hints, places = scene
    whose = None if subject is None else torch.tensor([subject])
    return model(targets, model.encode_context(*context, subject=whose), hints, places).logits


@torch.inference_mode()
@settings(max_examples=15, deadline=None)
@given(subject=st.lists(st.integers(0, 2), min_size=1, max_size=5), filled=st.integers(0, 2))
def test_each_subject_is_encoded_as_if_it_were_alone(scattered, discs, all_hints, subject, filled):
    """Which the product does, that finished cases need be encoded once only; images that fill up change nothing."""
    k = len(subject)
    images, masks = discs(1, k + filled, SIZE)
    places = torch.linspace(-0.3, 0.4, k + filled)[None]
    whose = torch.tensor([subject + [1] * filled])
    targets, hints, at = discs(1, 2, SIZE, 9)[0].reshape(2, 1, SIZE, SIZE), all_hints(2, SIZE), torch.tensor([0.0, 0.3])
    apart = []
    for one in sorted(set(subject)):
        rows = [n for n, own in enumerate(subject) if own == one]
        parts = (x[:, rows] for x in (images, masks, places))
        apart.append(scattered.encode_context(*parts, subject=whose[:, rows] if one else None))
    expected = scattered(targets, ContextCache.beside(apart), hints, at).logits
    there = (torch.arange(k + filled) < k)[None] if filled else None
    together = scattered.encode_context(images, masks, places, given=there, subject=whose)
    torch.testing.assert_close(scattered(targets, together, hints, at).logits, expected, **TOLERANCE)


@torch.inference_mode()
def test_another_subjects_image_counts_as_an_own_one_until_something_else_was_learned(small_cascade, scene):
    model = small_cascade()
    own, moved, foreign = [0, 0, 1, 2], [0, 0, 0, 2], [1, 1, 1, 1]
    assert not torch.allclose(result(model, scene, own), result(model, scene, moved), **TOLERANCE)
    assert not torch.allclose(result(model, scene), result(model, scene, foreign), **TOLERANCE)
    for parameter in of_others(model).values():
        parameter.zero_()
    torch.testing.assert_close(result(model, scene), result(model, scene, foreign), **TOLERANCE)


@pytest.mark.parametrize("part", ["layers", "early_readout", "late_readout"])
@torch.inference_mode()
def test_each_part_tells_own_from_others(small_cascade, scene, part):
    model = small_cascade()
    for name, parameter in of_others(model).items():
        if not name.startswith(part):
            parameter.zero_()
    assert not torch.allclose(result(model, scene, [0, 0, 1, 1]), result(model, scene, [1, 1, 0, 0]), atol=1e-5)
    for parameter in of_others(model).values():
        parameter.zero_()
    same = (result(model, scene, subject) for subject in ([0, 0, 1, 1], [1, 1, 0, 0]))
    torch.testing.assert_close(*same, **TOLERANCE)


def test_what_tells_others_starts_as_nothing_and_can_be_learned(small_configuration, scene):
    model = SparseCascade(small_configuration)
    assert len(of_others(model)) == small_configuration.layers + 2
    assert not any(parameter.any() for parameter in of_others(model).values())
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name not in of_others(model):
                parameter.add_(0.15 * torch.randn(parameter.shape))
    result(model, scene).square().sum().backward()
    assert all(parameter.grad is None for parameter in of_others(model).values())
    result(model, scene, [0, 1, 1, 2]).square().sum().backward()
    for name, parameter in of_others(model).items():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name
