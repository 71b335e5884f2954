"""Variants take turns, and the records say how their results differ."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from PatchICLLib.benchmark import savings
from PatchICLLib.benchmark.savings import PRODUCT, VariantJob, measure_savings
from PatchICLLib.benchmark.scans import painted_phantom
from PatchICLLib.errors import InputError, PatchICLError
from PatchICLLib.evaluation.metrics import dice
from PatchICLLib.evaluation.variants import VARIANTS, Variant
from PatchICLLib.weights import load_weights

SHAPE = (21, 32, 32)


@pytest.fixture(scope="module")
def pretrained():
    return load_weights()


@pytest.fixture(scope="module")
def product(pretrained):
    return propagate(pretrained, Variant())


def propagate(pretrained, variant):
    image, painted, _ = painted_phantom(SHAPE)
    return variant.propagate(pretrained, image, painted)


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
