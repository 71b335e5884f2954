"""Figures of what the models cost."""

from pathlib import Path
from typing import Any

from PatchICLLib.benchmark.compute import PUBLISHED, PUBLISHED_CONTEXT, PUBLISHED_SIDE
from PatchICLLib.outputs import save_picture

MODEL_COLOURS = {"universeg": "#c44e52", "paper": "#dd8452", "sparse": "#1f6f8b"}
MODEL_NAMES = {"universeg": "UniverSeg", "paper": "PatchICL as published", "sparse": "PatchICL, preset sparse"}
Records = list[dict[str, Any]]


def plot_compute(records: Records, path: Path) -> None:
    """GFLOPs per slice against resolution, both logarithmic, with the paper's two points.

    With as many context images as the paper has, or the number nearest to it that was measured.

    Args:
        records: of ``measure_compute``.
        path: of the picture; its ending says the format.
    """
    shown = _nearest([record["context"] for record in records], PUBLISHED_CONTEXT)
    figure, axes = _figure()
    for name in _models(records):
        chosen = [record for record in records if record["model"] == name and record["context"] == shown]
        for mode, style in (("first", "-"), ("further", "--")):
            points = sorted((r["resolution"], r["gflops"]) for r in chosen if r["mode"] == mode)
            if mode == "further" and name == "universeg":
                continue  # nothing of its context can be kept: both are the same
            label = MODEL_NAMES[name] + (", each further slice" if mode == "further" else "")
            axes.plot(*zip(*points, strict=True), style, marker="o", color=MODEL_COLOURS[name], label=label)
            for side, gflops in points[-2:]:
                text = f"{gflops:,.0f}" if gflops >= 20 else f"{gflops:.1f}"
                offset = (-12, 7) if name == "universeg" else (0, -15)
                place = {"textcoords": "offset points", "xytext": offset, "ha": "center", "fontsize": 8}
                axes.annotate(text, (side, gflops), color=MODEL_COLOURS[name], **place)
    if shown == PUBLISHED_CONTEXT:
        for name, gflops in PUBLISHED.items():
            star = "reported in the paper" if name == "paper" else None
            axes.plot(
                PUBLISHED_SIDE, gflops, "*", markersize=15, color="none", markeredgecolor="black", label=star, zorder=5
            )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    sides = sorted({record["resolution"] for record in records})
    axes.set_xticks(sides, [f"{side}²" for side in sides])
    axes.set_xlabel("pixels of a slice")
    axes.set_ylabel("GFLOPs per target slice")
    axes.set_title(f"Cost of one slice with {shown} context image{'s' if shown > 1 else ''}")
    _save(figure, axes, path)


def plot_propagations(records: Records, path: Path) -> None:
    """Seconds per scan of one structure against its number of voxels, both logarithmic.

    Args:
        records: of ``measure_propagations``, and those of UniverSeg that are extrapolated.
        path: of the picture.
    """
    figure, axes = _figure()
    curves = {
        ("sparse", "warm", "seconds"): ("whole scan", "-o"),
        ("sparse", "warm", "first_slice_seconds"): ("until the first slice", ":^"),
        ("sparse", "corrected", "seconds"): ("again after one correction", "--s"),
        ("universeg", "extrapolated", "seconds"): ("whole scan, extrapolated from one slice", "-o"),
    }
    chosen = [record for record in records if "scan" in record and record["labels"] == 1]
    for (model, mode, key), (label, style) in curves.items():
        mine = [record for record in chosen if (record["model"], record["mode"]) == (model, mode) and record.get(key)]
        points = sorted((r["resolution"] ** 2 * r["slices"] / 1e6, r[key]) for r in mine)
        if points:
            text = f"{MODEL_NAMES[model]}, {label}"
            axes.plot(*zip(*points, strict=True), style, color=MODEL_COLOURS[model], label=text)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("million voxels")
    axes.set_ylabel("seconds")
    axes.set_title(f"From three painted slices to a segmented volume, {_machine(chosen[0])}")
    _save(figure, axes, path, columns=1)


def _nearest(values: list[int], wanted: int) -> int:
    return min(values, key=lambda value: (abs(value - wanted), value))


def _models(records: Records) -> list[str]:
    """In the order of MODEL_NAMES."""
    measured = {record["model"] for record in records}
    return [name for name in MODEL_NAMES if name in measured]


def _figure() -> tuple[Any, Any]:
    # without pyplot: no window system is needed, and no state is left behind
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), dpi=150)
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _machine(record: dict[str, Any]) -> str:
    threads = record["threads"]
    return f"CPU, {threads} thread{'s' if threads > 1 else ''}" if record["device"] == "cpu" else "GPU"


def _save(figure: Any, axes: Any, path: Path, columns: int = 2) -> None:
    axes.grid(True, which="both", alpha=0.25)
    axes.legend(fontsize=8, ncol=columns, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    save_picture(figure, path)
