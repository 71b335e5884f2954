"""The figures show every measured curve."""

from __future__ import annotations

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
        "sparse": (3.5, 9.4, 1.7, 4.9),
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
    assert curves == [(1.7, 4.9), (3.5, 9.4), (25.8, 94.0), (34.3, 549.4), (57.3, 314.7)]
    points = [
        (line.get_xdata()[0], line.get_ydata()[0]) for line in drawn[-1].get_lines() if len(line.get_xdata()) == 1
    ]
    assert sorted(points) == [(512, 308.0), (512, 549.0)]
    assert (tmp_path / "cost.png").read_bytes().startswith(b"\x89PNG")


def test_volumes_say_what_is_extrapolated(drawn, tmp_path):
    records = [
        record("sparse", mode, 256, slices=slices, seconds=seconds, extrapolated=False)
        for slices in (100, 200)
        for mode, seconds in (("volume", 9.0), ("volume_first_slice", 1.0), ("volume_corrected", 3.0))
    ]
    records += [
        record("universeg", "volume", 256, slices=slices, seconds=300.0, extrapolated=True) for slices in (100, 200)
    ]
    plots.plot_volumes(records, tmp_path / "time.svg")
    labels = [text.get_text() for text in drawn[-1].get_legend().get_texts()]
    assert len(labels) == 4
    assert [label for label in labels if "extrapolated" in label] == [
        "UniverSeg, whole volume, extrapolated from a sample of slices"
    ]


def test_slices_show_both_modes(drawn, tmp_path):
    records = [
        record(name, mode, side, seconds=side / 100)
        for name in ("universeg", "sparse")
        for mode in ("first", "further")
        for side in (128, 256)
    ]
    plots.plot_slices(records, tmp_path / "time.png")
    assert len(drawn[-1].get_lines()) == 4
