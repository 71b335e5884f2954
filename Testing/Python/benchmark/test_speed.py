"""The speed records of tiny cases, and the phantom."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from PatchICLLib.benchmark.slices import measure_slices
from PatchICLLib.benchmark.volumes import UniverSegVolumeJob, measure_volumes, painted_phantom, phantom


def test_the_phantom_is_a_vessel_through_all_slices():
    image, mask = phantom((20, 64, 64))
    assert image.dtype == np.int16
    assert mask.any((1, 2)).all()
    assert not mask.all((1, 2)).any()
    assert image[mask].mean() - image[~mask].mean() == pytest.approx(110, abs=3)
    middles = [np.argwhere(plane).mean(0) for plane in mask]
    assert max(np.linalg.norm(b - a) for a, b in zip(middles, middles[1:], strict=False)) < 2


def test_painted_slices_span_the_phantom():
    _, painted, mask = painted_phantom((21, 64, 64))
    assert np.flatnonzero(painted.any((1, 2))).tolist() == [0, 10, 20]
    assert (painted[10] == mask[10]).all()


def test_universeg_segments_the_sampled_slices_only():
    run = UniverSegVolumeJob((8, 32, 32), sample=2)(torch.device("cpu"))
    calls = []
    original = torch.nn.functional.interpolate
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.functional, "interpolate", lambda *a, **k: calls.append(1) or original(*a, **k))
        seconds = run()
    assert set(seconds) == {"slice"}
    assert len(calls) == 2 * 2 * 3  # two slices, target and support, three doublings


@pytest.mark.slow
def test_slice_records():
    records = measure_slices(["universeg", "sparse"], [64], [1], rounds=2, threads=1)
    assert json.loads(json.dumps(records)) == records
    assert [(r["model"], r["mode"]) for r in records] == [
        ("universeg", "first"),
        ("universeg", "further"),
        ("sparse", "first"),
        ("sparse", "further"),
    ]
    for record in records:
        assert len(record["all_seconds"]) == 2
        assert record["seconds"] == pytest.approx(np.median(record["all_seconds"]))
        assert (record["device"], record["threads"], record["resolution"], record["context"]) == ("cpu", 1, 64, 1)
    assert records[2]["seconds"] > records[3]["seconds"] > 0


@pytest.mark.slow
def test_volume_records():
    records = measure_volumes([(12, 64, 64)], rounds=1, sample=1, threads=1)
    seconds = {(r["model"], r["mode"]): r["seconds"] for r in records}
    assert set(seconds) == {
        ("sparse", "volume"),
        ("sparse", "volume_first_slice"),
        ("sparse", "volume_corrected"),
        ("universeg", "volume"),
    }
    assert 0 < seconds["sparse", "volume_first_slice"] <= seconds["sparse", "volume"]
    assert [r["extrapolated"] for r in records] == [False, False, False, True]
    assert {(r["resolution"], r["slices"], r["context"]) for r in records} == {(64, 12, 3)}
