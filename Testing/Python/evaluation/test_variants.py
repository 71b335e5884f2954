"""Each variant does one thing otherwise and nothing else; what only saves time changes nothing."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch

from PatchICLLib.benchmark.scans import painted_phantom
from PatchICLLib.cascade.sparse import SparseCascade
from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.methods import CHANGING, Painting, load_methods
from PatchICLLib.evaluation.metrics import dice
from PatchICLLib.evaluation.variants import VARIANTS, Variant
from PatchICLLib.hints import geodesic_vote
from PatchICLLib.propagation import painted_context
from PatchICLLib.propagation.refinement.across_slices import AcrossSlices
from PatchICLLib.propagation.refinement.outlines import Outlines
from PatchICLLib.weights import load_weights

SHAPE = (21, 32, 32)  # two gaps of nine slices: eight at first, the other eight with the ninth, the last one
NOISE = 1.0  # standard deviations of the image
AS_ALWAYS = {
    "batches": [8, 9, 1],
    "contexts": 1,
    "votes": [(128, 1), (128, 1)],  # pixels a side, sweeps
    "averages": True,  # of slices with those beside them
    "outlines": True,  # drawn between painted slices
    "everywhere": False,
    "gradients": False,
    "half": False,
}
OTHERWISE = {
    "one-slice-at-a-time": {"batches": [1] * 18},
    "context-anew": {"contexts": 3},
    "guides-anew": {"votes": [(128, 1)] * 3},
    "every-patch": {"everywhere": True},
    "two-sweeps": {"votes": [(128, 2)] * 2},
    "whole-resolution-vote": {"votes": [(256, 1)] * 2},
    "without-averaging": {"averages": False},
    "without-outlines": {"outlines": False},
    "without-inference-mode": {"gradients": True},
    "bfloat16": {"half": True},
}
LOSSLESS = ("one-slice-at-a-time", "context-anew", "guides-anew", "without-inference-mode")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Batches on the CPU are larger with many threads."""
    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(usual)


@pytest.fixture(scope="module")
def pretrained():
    return load_weights()


@pytest.fixture(scope="module")
def product(pretrained):
    return propagate(pretrained, Variant())


def propagate(pretrained, variant):
    image, painted, _ = painted_phantom(SHAPE)
    # slices are averaged where intensities do not tell the structure from what lies beside it
    noise = np.random.default_rng(0).normal(0, NOISE * image.std(), image.shape)
    return variant.propagate(pretrained, (image + noise).astype(np.float32), painted)


@pytest.fixture
def watched(pretrained, monkeypatch):
    """What is done in propagations, with the keys of AS_ALWAYS."""
    seen = {"batches": [], "contexts": 0, "votes": [], "averages": False, "everywhere": True, "gradients": False}
    seen["half"] = seen["outlines"] = False
    average, outlined = AcrossSlices.add, Outlines.logits
    encode, distances = SparseCascade.encode_context, geodesic_vote.geodesic_distances

    def encode_context(*arguments, **named):
        seen["contexts"] += 1
        return encode(*arguments, **named)

    def geodesic_distances(image, seeds, depth, spacing, sweeps, check):
        seen["votes"].append((image.shape[-1], sweeps))
        return distances(image, seeds, depth, spacing, sweeps, check)

    def averaged(across, filled):
        seen["averages"] = True
        return average(across, filled)

    def drawn(outlines, *arguments):
        seen["outlines"] = True
        return outlined(outlines, *arguments)

    def segmented(model, arguments, output):
        seen["batches"].append(len(arguments[0]))
        seen["gradients"] |= output.logits.requires_grad
        seen["half"] |= torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
        for level in output.levels:
            seen["everywhere"] &= bool(level.coverage.all()) and level.context.shape[-1] == level.selection.count

    monkeypatch.setattr(SparseCascade, "encode_context", encode_context)
    monkeypatch.setattr(AcrossSlices, "add", averaged)
    monkeypatch.setattr(Outlines, "logits", drawn)
    monkeypatch.setattr(geodesic_vote, "geodesic_distances", geodesic_distances)
    handle = pretrained.model.register_forward_hook(segmented)
    yield seen
    handle.remove()


def test_the_product_itself(watched, pretrained):
    propagate(pretrained, Variant())
    assert watched == AS_ALWAYS


@pytest.mark.parametrize("name", OTHERWISE)
def test_one_thing_is_done_otherwise(name, watched, pretrained, product):
    result = propagate(pretrained, VARIANTS[name])
    assert watched == {**AS_ALWAYS, **OTHERWISE[name]}
    if name in LOSSLESS:
        assert (result.labels == product.labels).all()
        np.testing.assert_allclose(result.probability, product.probability, atol=2e-3)
    else:
        assert (result.probability != product.probability).any()
        assert dice(product.labels > 0, result.labels > 0, np.ones(SHAPE[0], bool)) > 0.95


@pytest.mark.parametrize("filled", [True, False])
def test_nothing_stays_changed(filled, pretrained):
    usual = painted_context.VOTE_SIZE
    image, painted, _ = painted_phantom((8, 32, 32))
    with nullcontext() if filled else pytest.raises(InputError):
        VARIANTS["whole-resolution-vote"].propagate(pretrained, image, painted * filled)
    assert usual == painted_context.VOTE_SIZE


def test_every_variant_is_tested():
    assert set(VARIANTS) == {*OTHERWISE, "one-thread", "sleeping-threads"}


def test_methods_that_change_the_result_are_the_variants(pretrained):
    image, painted, _ = painted_phantom((8, 32, 32))
    assert set(CHANGING) == {*OTHERWISE} - {*LOSSLESS}
    for method in load_methods([*CHANGING]):
        predicted = method.predict(Painting(image, painted, (0, 4, 7), (1.0, 1.0, 1.0), 0))
        own = VARIANTS[method.name].propagate(
            pretrained, image, painted, axis=0, painted_slices=(0, 4, 7), outputs=frozenset({"probability"})
        )
        assert (predicted.probability == own.probability).all()
