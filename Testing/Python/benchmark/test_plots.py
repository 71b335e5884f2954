"""The figures show every measured curve."""

import pytest

from PatchICLLib.benchmark import plots


@pytest.fixture
def drawn(monkeypatch):
    """The axes of the last figure."""
    kept = []
    original = plots._figure

    def figure():
        made = original()
        kept.append(made[1])
        return made

    monkeypatch.setattr(plots, "_figure", figure)
    return kept


def record(model, mode, resolution, **values):
    return {
        "model": model,
        "mode": mode,
        "resolution": resolution,
        "context": 3,
        "device": "cpu",
        "threads": 2,
        **values,
    }


def test_compute_shows_models_further_slices_and_the_papers_points(drawn, tmp_path):
    costs = {
        "universeg": (34.3, 549.4, 34.3, 549.4),
        "paper": (57.3, 314.7, 25.8, 94.0),
        "sparse": (3.5, 8.4, 1.7, 4.2),
    }
    records = [
        record(name, mode, side, gflops=gflops)
        for name, values in costs.items()
        for (mode, side), gflops in zip(
            [("first", 128), ("first", 512), ("further", 128), ("further", 512)], values, strict=True
        )
    ]
    plots.plot_compute(records, tmp_path / "cost.png")
    lines = [line for line in drawn[-1].get_lines() if len(line.get_xdata()) > 1]
    assert len(lines) == 5  # UniverSeg keeps nothing of its context: one line
    curves = sorted(tuple(line.get_ydata()) for line in lines)
    assert curves == [(1.7, 4.2), (3.5, 8.4), (25.8, 94.0), (34.3, 549.4), (57.3, 314.7)]
    points = [
        (line.get_xdata()[0], line.get_ydata()[0]) for line in drawn[-1].get_lines() if len(line.get_xdata()) == 1
    ]
    assert sorted(points) == [(512, 308.0), (512, 549.0)]
    assert (tmp_path / "cost.png").read_bytes().startswith(b"\x89PNG")


def test_propagations_show_every_curve_that_was_measured(drawn, tmp_path):
    records = [
        record("sparse", mode, 256, scan="", slices=slices, labels=1, seconds=seconds, first_slice_seconds=first)
        for slices in (100, 200)
        for mode, seconds, first in (("warm", 9.0, 1.0), ("corrected", 3.0, None), ("cold", 10.0, None))
    ]
    records += [record("sparse", "warm", 192, scan="", slices=100, labels=24, seconds=9.0, first_slice_seconds=1.0)]
    records += [record("sparse", "warm", 512, scan="", slices=300, labels=1, seconds=None, first_slice_seconds=None)]
    records += [record("universeg", "extrapolated", 256, scan="", slices=100, labels=1, seconds=300.0)]
    records += [record("universeg", "further", 256, seconds=3.0)]
    plots.plot_propagations(records, tmp_path / "time.svg")
    curves = {line.get_label(): tuple(line.get_ydata()) for line in drawn[-1].get_lines()}
    assert sorted(curves.values()) == [(1.0, 1.0), (3.0, 3.0), (9.0, 9.0), (300.0,)]
    assert [label for label in curves if "extrapolated" in label] == [
        "UniverSeg, whole scan, extrapolated from one slice"
    ]
