"""Variants take turns, and the records say how their results differ."""

import json

import numpy as np
import pytest
import torch

from PatchICLLib.benchmark import savings
from PatchICLLib.benchmark.contest import Outcome
from PatchICLLib.benchmark.savings import PRODUCT, VariantJob, measure_savings
from PatchICLLib.benchmark.scans import painted_phantom
from PatchICLLib.errors import InputError, PatchICLError
from PatchICLLib.evaluation.metrics import dice
from PatchICLLib.evaluation.variants import Variant
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


def test_records(monkeypatch):
    """Of jobs that are told of as if they had run; how jobs run is tested with ``contest`` and on the command line."""
    _, painted, mask = painted_phantom(SHAPE)
    found = {PRODUCT: mask.astype(np.uint8), "whole-resolution-vote": np.roll(mask, 1, 2).astype(np.uint8)}
    found["context-anew"] = found[PRODUCT]

    def contest(jobs, rounds, device, threads, progress, environments):
        assert (list(jobs), rounds, device, threads) == (list(found), 3, "cpu", 1)
        for name, job in jobs.items():
            np.save(job.folder / f"{name}.npy", found[name])
        return {name: Outcome({"volume": [3.0, 1.0 + len(name), 90.0]}, 500.0) for name in jobs}

    monkeypatch.setattr(savings, "contest", contest)
    names = ["whole-resolution-vote", "context-anew", "context-anew"]
    records = measure_savings(SHAPE, names, rounds=3, threads=1)
    assert json.loads(json.dumps(records)) == records
    assert [record["variant"] for record in records] == [PRODUCT, "whole-resolution-vote", "context-anew"]
    common = {"model": "sparse", "resolution": 32, "slices": 21, "context": 3, "mode": "volume", "device": "cpu"}
    judged = ~painted.any((1, 2))
    for record in records:
        labels, seconds = found[record["variant"]], 1.0 + len(record["variant"])
        assert record == {
            **common,
            "threads": 1,
            "variant": record["variant"],
            "seconds": seconds,
            "all_seconds": [3.0, seconds, 90.0],
            "ratio": seconds / 8.0,
            "peak_mib": 500.0,
            "labels_changed": pytest.approx((labels != mask)[judged].mean()),
            "dice_to_product": pytest.approx(dice(mask, labels > 0, judged)),
            "dice": pytest.approx(dice(mask, labels > 0, judged)),
        }
    assert records[1]["labels_changed"] > 0.01 and records[2]["dice_to_product"] == 1


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
