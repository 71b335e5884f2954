"""Propagations are measured whole and by part, and what does not fit the time is said to be left out."""

import json
import math
import time

import pytest

from PatchICLLib.benchmark import propagations
from PatchICLLib.benchmark.propagations import measure_propagations
from PatchICLLib.benchmark.scans import Scan
from PatchICLLib.runtime.stopwatch import PARTS

SCANS = [Scan((16, 64, 64)), Scan((16, 64, 64), 2)]


@pytest.mark.slow
def test_every_propagation_is_measured_with_its_parts(monkeypatch):
    monkeypatch.setattr(propagations, "_MOST_ROUNDS", 1)
    records = measure_propagations(SCANS, until=time.time() + 100, threads=1)
    assert json.loads(json.dumps(records)) == records
    modes = ["warm", "corrected", "with outputs"]
    assert [(r["labels"], r["mode"]) for r in records] == [
        (1, "cold"),
        *((1, mode) for mode in modes),
        *((2, mode) for mode in modes),
    ]
    for record in records:
        assert record["left_out"] is None and record["rounds"] >= 1
        assert set(record["parts"]) - {"loading"} == {*PARTS, "rest"}
        assert math.isclose(sum(record["parts"].values()), record["seconds"], rel_tol=1e-6)
        assert (record["first_slice_seconds"] is not None) == (record["mode"] == "warm")
    cold, warm, corrected = records[:3]
    assert 0 < warm["first_slice_seconds"] <= 1.5 * warm["seconds"]
    assert cold["parts"]["loading"] > 0 and corrected["seconds"] > 0


def test_nothing_is_begun_when_time_is_up():
    records = measure_propagations(SCANS, until=time.time() - 1, threads=1)
    assert [(r["labels"], r["mode"]) for r in records] == [
        (1, "cold"),
        *((labels, mode) for labels in (1, 2) for mode in ("warm", "corrected", "with outputs")),
    ]
    assert all((r["seconds"], r["parts"], r["left_out"]) == (None, None, "no time left") for r in records)


def test_what_is_not_done_in_time_is_stopped(monkeypatch):
    monkeypatch.setattr(propagations.threading, "Timer", AtOnce)
    records = measure_propagations(SCANS[:1], until=time.time() + 1000, threads=1)
    assert [r["mode"] for r in records] == ["cold", "warm", "corrected", "with outputs"]
    assert all(r["seconds"] is None and r["left_out"].startswith("stopped after") for r in records)


class AtOnce:
    """A timer for which time is up as soon as it starts."""

    def __init__(self, seconds, call):
        self.start, self.cancel = call, lambda: None
