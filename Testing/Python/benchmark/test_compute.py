"""Cost per slice: the published figures, what is kept of a context, and counting without computing."""

import json

import pytest
import torch

from PatchICLLib.benchmark.compute import measure_compute, slice_flops
from PatchICLLib.benchmark.models import MODELS, benchmark_configuration
from PatchICLLib.errors import InputError
from PatchICLLib.model_card import configuration_from, read_card
from PatchICLLib.presets import build
from PatchICLLib.weights import BUNDLED, find_weights


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_counting_without_computing_changes_nothing(name):
    torch.manual_seed(0)
    model = build(benchmark_configuration(name)).eval()
    assert slice_flops(model, 128, 1) == slice_flops(model, 128, 1, compute=True)


def test_counts_of_universeg_are_those_of_its_convolutions():
    """Closed form: per pixel and pair 9 products of in x 64 channels for the cross-convolution and 64 x 64 after it."""

    def block(channels: int, context: int) -> int:
        return 2 * 9 * (context * channels * 64 + (context + 1) * 64 * 64)

    def network(context: int, size: int) -> int:
        encoder = [block(channels, context) for channels in (3, 128, 128, 128)]
        total = sum(flops * (size >> level) ** 2 for level, flops in enumerate(encoder))
        total += sum(block(256, context) * (size >> level) ** 2 for level in range(3))
        return total + 2 * 64 * size**2

    for record in measure_compute(["universeg"], [128, 512], [1, 3]):
        expected = network(record["context"], record["resolution"])
        assert record["gflops"] == pytest.approx(expected / 1e9, abs=0.001)
    assert network(3, 512) / 1e9 == pytest.approx(549.35, abs=0.005)


@pytest.mark.slow
def test_sparse_costs_what_it_must_at_most():
    records = measure_compute(["sparse"], [128, 512], [3])
    cost = {(record["resolution"], record["mode"]): record["gflops"] for record in records}
    assert cost[512, "first"] <= 30
    assert cost[512, "further"] <= 20
    assert cost[512, "first"] <= 6 * cost[128, "first"]
    assert cost[512, "further"] <= 6 * cost[128, "further"]


def test_records_are_plain_and_complete():
    done = []
    records = measure_compute(["sparse"], [64], [1, 2], progress=lambda *counts: done.append(counts))
    assert json.loads(json.dumps(records)) == records
    assert [(r["context"], r["mode"]) for r in records] == [(1, "first"), (1, "further"), (2, "first"), (2, "further")]
    assert all(set(r) == {"model", "resolution", "context", "mode", "gflops", "device"} for r in records)
    assert records[2]["gflops"] > records[0]["gflops"] > records[1]["gflops"]
    assert done == [(1, 2), (2, 2)]


@pytest.mark.parametrize("models", [[], ["sparse", "unet"]])
def test_unknown_models_are_refused(models):
    with pytest.raises(InputError, match="some of universeg, paper, sparse"):
        measure_compute(models)


def test_the_bundled_weights_are_of_the_configuration_that_is_counted():
    card = read_card(find_weights())
    assert configuration_from("sparse", card["configuration"]) == benchmark_configuration("sparse")
    assert benchmark_configuration("sparse", BUNDLED["sparse"]) == benchmark_configuration("sparse")
