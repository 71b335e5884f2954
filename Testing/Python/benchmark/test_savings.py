"""Each variant does one thing otherwise and nothing else, what only saves time changes nothing, and the records."""

from __future__ import annotations

import json
from contextlib import nullcontext

import numpy as np
import pytest
import torch

from PatchICLLib.benchmark import savings
from PatchICLLib.benchmark.savings import PRODUCT, VARIANTS, Variant, VariantJob, measure_savings
from PatchICLLib.benchmark.volumes import painted_phantom
from PatchICLLib.cascade.sparse import SparseCascade
from PatchICLLib.errors import InputError, PatchICLError
from PatchICLLib.evaluation.metrics import dice
from PatchICLLib.propagation import gap_filling, geodesic_vote
from PatchICLLib.weights import load_weights

SHAPE = (21, 32, 32)  # two gaps of nine slices: of two batches each
AS_ALWAYS = {
    "batches": [8, 8, 1, 1],
    "contexts": 1,
    "votes": [(128, 1), (128, 1)],  # pixels a side, sweeps
    "everywhere": False,
    "gradients": False,
    "half": False,
}
OTHERWISE = {
    "one-slice-at-a-time": {"batches": [1] * 18},
    "context-anew": {"contexts": 4},
    "guides-anew": {"votes": [(128, 1)] * 4},
    "every-patch": {"everywhere": True},
    "two-sweeps": {"votes": [(128, 2)] * 2},
    "whole-resolution-vote": {"votes": [(256, 1)] * 2},
    "without-inference-mode": {"gradients": True},
    "bfloat16": {"half": True},
}
LOSSLESS = ("one-slice-at-a-time", "context-anew", "guides-anew", "without-inference-mode")


@pytest.fixture(scope="module")
def pretrained():
    return load_weights()


@pytest.fixture(scope="module")
def product(pretrained):
    return propagate(pretrained, Variant())


def propagate(pretrained, variant):
    image, painted, _ = painted_phantom(SHAPE)
    return variant.propagate(pretrained, image, painted)


@pytest.fixture
def watched(pretrained, monkeypatch):
    """What is done in propagations, with the keys of AS_ALWAYS."""
    seen = {"batches": [], "contexts": 0, "votes": [], "everywhere": True, "gradients": False, "half": False}
    encode, distances = SparseCascade.encode_context, geodesic_vote.geodesic_distances

    def encode_context(*arguments):
        seen["contexts"] += 1
        return encode(*arguments)

    def geodesic_distances(image, seeds, spacing, sweeps, check):
        seen["votes"].append((image.shape[-1], sweeps))
        return distances(image, seeds, spacing, sweeps, check)

    def segmented(model, arguments, output):
        seen["batches"].append(len(arguments[0]))
        seen["gradients"] |= output.logits.requires_grad
        seen["half"] |= torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
        for level in output.levels:
            seen["everywhere"] &= bool(level.coverage.all()) and level.context.shape[-1] == level.selection.count

    monkeypatch.setattr(SparseCascade, "encode_context", encode_context)
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
    usual = gap_filling.VOTE_SIZE
    image, painted, _ = painted_phantom((8, 32, 32))
    with nullcontext() if filled else pytest.raises(InputError):
        VARIANTS["whole-resolution-vote"].propagate(pretrained, image, painted * filled)
    assert usual == gap_filling.VOTE_SIZE


def test_one_thread(tmp_path):
    usual = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        VariantJob(SHAPE, "one-thread", None, tmp_path)(torch.device("cpu"))
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(usual)


def test_sleeping_threads_have_an_environment_of_their_own(monkeypatch, tmp_path):
    asked = {}

    def contest(jobs, rounds, device, threads, progress, environments):
        asked.update(environments)
        raise PatchICLError("enough")

    monkeypatch.setattr(savings, "contest", contest)
    with pytest.raises(PatchICLError, match="enough"):
        measure_savings(SHAPE, ["sleeping-threads", "bfloat16"], threads=2)
    assert asked == {"sleeping-threads": {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}, "bfloat16": {}}


def test_every_variant_is_tested():
    assert set(VARIANTS) == {*OTHERWISE, "one-thread", "sleeping-threads"}


def test_a_job_leaves_its_labels(tmp_path, product):
    seconds = VariantJob(SHAPE, PRODUCT, None, tmp_path)(torch.device("cpu"))()
    assert set(seconds) == {"volume"} and seconds["volume"] > 0
    assert (np.load(tmp_path / "product.npy") == product.labels).all()


@pytest.mark.slow
def test_records(pretrained, product):
    done = []
    names = ["whole-resolution-vote", "context-anew", "context-anew"]
    records = measure_savings(SHAPE, names, rounds=1, threads=1, progress=lambda *counts: done.append(counts))
    assert json.loads(json.dumps(records)) == records
    assert done[-1] == (6, 6)
    assert [record["variant"] for record in records] == [PRODUCT, "whole-resolution-vote", "context-anew"]
    common = {"model": "sparse", "resolution": 32, "slices": 21, "context": 3, "mode": "volume", "device": "cpu"}
    for record in records:
        assert {**record, **common, "threads": 1} == record
        assert record["seconds"] == pytest.approx(np.median(record["all_seconds"]))
        assert record["ratio"] == pytest.approx(record["seconds"] / records[0]["seconds"])
        assert set(record) == {*common, "threads", "seconds", "all_seconds", "peak_mib", "variant", "ratio"} | {
            "labels_changed",
            "dice_to_product",
            "dice",
        }
    _, painted, mask = painted_phantom(SHAPE)
    judged = ~painted.any((1, 2))
    other = propagate(pretrained, VARIANTS["whole-resolution-vote"]).labels
    for record, labels in zip(records, (product.labels, other, product.labels), strict=True):
        assert record["labels_changed"] == pytest.approx((labels != product.labels)[judged].mean(), abs=1e-4)
        assert record["dice_to_product"] == pytest.approx(dice(product.labels > 0, labels > 0, judged), abs=1e-3)
        assert record["dice"] == pytest.approx(dice(mask, labels > 0, judged), abs=1e-3)


@pytest.mark.parametrize(
    ("names", "threads", "said"),
    [
        (["without-network"], 1, "With 1 thread, variants must be some of one-slice-at-a-time, .* but are without-net"),
        ([], 2, "With 2 threads, .*, one-thread, but are none"),
        (["one-thread"], 1, "bfloat16, but are one-thread"),
        (["sleeping-threads"], 1, "bfloat16, but are sleeping-threads"),
    ],
)
def test_unknown_variants_are_refused(names, threads, said):
    with pytest.raises(InputError, match=said):
        measure_savings(SHAPE, names, threads=threads)
