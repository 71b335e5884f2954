"""Slices of several models, timed in processes of their own within the time there is."""

import json
import time

import pytest
import torch

from PatchICLLib.benchmark import slices
from PatchICLLib.benchmark.models import benchmark_configuration
from PatchICLLib.benchmark.scans import Scan
from PatchICLLib.benchmark.slices import SliceJob, extrapolated, measure_slices


@pytest.mark.slow
def test_slice_records():
    records = measure_slices(["universeg", "sparse"], [64, 32], until=time.time() + 60, threads=1)
    assert json.loads(json.dumps(records)) == records
    assert [(r["model"], r["resolution"], r["mode"]) for r in records] == [
        (model, size, mode) for model in ("universeg", "sparse") for size in (32, 64) for mode in ("first", "further")
    ]
    for record in records:
        assert (record["device"], record["threads"], record["context"]) == ("cpu", 1, 3)
    assert records[6]["seconds"] > records[7]["seconds"] > 0


def test_sizes_that_would_take_too_long_are_left_out(monkeypatch):
    clock = iter(range(100, 10**6))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))  # every slice takes a second, a first one two
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    for sizes, done in (((32, 64), 2), ((32, 128), 1)):
        job = SliceJob(benchmark_configuration("sparse"), sizes, until=1000 + 2 * 1.5 * 4)
        found = job(torch.device("cpu"))()
        assert found == {
            f"{size} {mode}": value for size in sizes[:done] for mode, value in (("first", 2), ("further", 1))
        }


def test_no_process_starts_in_vain(monkeypatch):
    monkeypatch.setattr(slices, "contest", None)
    records = measure_slices(["universeg", "sparse"], [64], until=time.time() + 5)
    assert [(r["model"], r["seconds"], r["peak_mib"]) for r in records if r["mode"] == "further"] == [
        ("universeg", None, None),
        ("sparse", None, None),
    ]


def test_scans_are_extrapolated_where_a_slice_was_measured():
    further = {"model": "universeg", "mode": "further", "resolution": 64, "seconds": 2.0}
    none = {"model": "universeg", "mode": "further", "resolution": 128, "seconds": None}
    ours = {"model": "sparse", "mode": "further", "resolution": 128, "seconds": 1.0}
    scans = [Scan((20, 64, 64)), Scan((20, 64, 64), 3), Scan((20, 128, 128))]
    (record,) = extrapolated(scans, [further, none, ours])
    assert record == further | {"mode": "extrapolated", "scan": "64x64x20", "slices": 20, "labels": 1, "seconds": 34.0}
