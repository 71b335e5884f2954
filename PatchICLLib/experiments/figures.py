"""The figures: Dice and operations by resolution (paper, fig. 4), and the cascade at work (figs. 1 and 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from PatchICLLib.benchmark.compute import PUBLISHED, PUBLISHED_CONTEXT, PUBLISHED_SIDE
from PatchICLLib.benchmark.plots import MODEL_COLOURS, MODEL_NAMES
from PatchICLLib.experiments.published import OVERALL, PublishedTable
from PatchICLLib.outputs import save_picture

if TYPE_CHECKING:
    from PatchICLLib.cascade.trace import LevelTrace

_Value = tuple[float, float, str, str]  # of a point: place, number, its text, color
_REFERENCE, _PREDICTION, _PATCH = "lime", "red", "gold"


@dataclass(frozen=True)
class Scene:
    """One row of the cascade's figure.

    Attributes:
        title: what is segmented.
        context_image, context_mask: the first context pair, (h, w).
        image, mask, predicted: target, reference and prediction, (H, W).
        levels: of the cascade,
        seen: in this square of the target: first row and column, and side.
    """

    title: str
    context_image: np.ndarray
    context_mask: np.ndarray
    image: np.ndarray
    mask: np.ndarray
    predicted: np.ndarray
    levels: tuple[LevelTrace, ...]
    seen: tuple[float, float, float]


def draw_by_resolution(
    records: Sequence[dict[str, Any]], path: Path, published: PublishedTable | None = None, context: int = 3
) -> bool:
    """Dice and GFLOPs against resolution, a line a model; returns False, and draws nothing, if no operations are known.

    Args:
        records: of ``cost_records``.
        path: of the picture.
        published: whose overall Dice is drawn dashed, as the paper says it of one resolution.
        context: number of context images; the paper's GFLOPs, of three, are stars.
    """
    if not any(r["gflops"] for r in records):
        return False
    figure = Figure(figsize=(10, 4.5), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    models = list(dict.fromkeys(r["model"] for r in records))
    right.set_yscale("log")
    values: dict[Axes, list[_Value]] = {left: [], right: []}
    for name in models:
        mine = sorted((r["resolution"], r["dice"], r["gflops"]) for r in records if r["model"] == name)
        style: dict[str, Any] = {"marker": "o", "label": MODEL_NAMES.get(name, name), "color": MODEL_COLOURS.get(name)}
        (line,) = left.plot([side for side, _, _ in mine], [dice for _, dice, _ in mine], **style)
        colour = line.get_color()
        values[left] += [(side, dice, f"{dice:.3f}", colour) for side, dice, _ in mine]
        counted = [(side, gflops) for side, _, gflops in mine if gflops]
        if counted:
            right.plot(*zip(*counted, strict=True), **{**style, "color": colour})
        values[right] += [(side, g, f"{g:,.0f}" if g >= 20 else f"{g:.1f}", colour) for side, g in counted]
        if published is not None and name in published.dice[OVERALL]:
            left.axhline(published.dice[OVERALL][name], linestyle="--", linewidth=1, color=colour)
        if context == PUBLISHED_CONTEXT and name in PUBLISHED:
            right.plot(PUBLISHED_SIDE, PUBLISHED[name], "*", markersize=14, color="none", markeredgecolor="black")
    dashed = f"\ndashed: the paper's, {published.title}" if published is not None else ""
    left.set(ylabel="Dice, mean over all examples", title=f"Accuracy{dashed}")
    starred = "\nstars: the paper's" if context == PUBLISHED_CONTEXT and set(models) & PUBLISHED.keys() else ""
    right.set(ylabel="GFLOPs per slice with its context", title=f"Compute, {context} context images{starred}")
    sides = sorted({r["resolution"] for r in records})
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_xticks(sides, [f"{side}²" for side in sides])
        axes.set_xlabel("pixels of the network's input")
        axes.grid(True, alpha=0.25)
        axes.margins(y=0.12)
        _say(axes, values[axes])
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=len(models), fontsize=8)
    save_picture(figure, path)
    return True


def _say(axes: Axes, values: Sequence[_Value]) -> None:
    """Numbers above their points, or below where others are in the way; none where both are taken."""
    above, apart = 0.045, 0.04  # of the height of the axes
    heights = {
        value: float(axes.transLimits.transform(axes.transScale.transform(value[:2]))[1])
        for value in sorted(values, key=lambda one: one[:3])  # colors of several kinds have no order
    }
    said: list[tuple[float, float]] = []
    for value, height in sorted(heights.items(), key=lambda one: -one[1]):
        x, y, text, colour = value
        others = [h for other, h in heights.items() if other[0] == x and other != value]
        others += [h for side, h in said if side == x]
        place = next((s for s in (1, -1) if all(abs(height + s * above - h) > apart for h in others)), None)
        if place is not None:
            said.append((x, height + place * above))
            note = axes.annotate(
                text,
                (x, y),
                (0, 12 * place),
                textcoords="offset points",
                ha="center",
                va="center",
                fontsize=8,
                color=colour,
            )
            note.set_path_effects([withStroke(linewidth=2, foreground="white")])  # lines may pass behind


def draw_cascade(scenes: Sequence[Scene], path: Path) -> None:
    """A row a scene: context, then each level with its patches and its prediction, then the result; at least one."""
    columns = 2 + max(len(scene.levels) for scene in scenes)
    figure = Figure(figsize=(2.3 * columns, 2.5 * len(scenes)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(scenes), columns, squeeze=False)
    for row, scene in zip(grid, scenes, strict=True):
        for axes in row:
            axes.axis("off")
        _picture(row[0], scene.context_image, f"{scene.title}\ncontext")
        _outline(row[0], scene.context_mask, _REFERENCE)
        for axes, level in zip(row[1:], scene.levels, strict=False):
            count = int(level.selection.valid[0].sum())
            _picture(axes, scene.image, f"{level.resolution}², {count} patches")
            _level(axes, scene, level)
        last = row[1 + len(scene.levels)]
        _picture(last, scene.image, "result and reference")
        _outline(last, scene.mask, _REFERENCE)
        _outline(last, scene.predicted, _PREDICTION)
    save_picture(figure, path)


def _picture(axes: Axes, image: np.ndarray, title: str) -> None:
    low, high = np.percentile(image, [1, 99])
    axes.imshow(image, cmap="gray", vmin=low, vmax=max(high, low + 1e-6))
    axes.set_title(title, fontsize=7)


def _outline(axes: Axes, mask: np.ndarray, colour: str) -> None:
    if mask.any() and not mask.all():
        axes.contour(mask.astype(float), [0.5], colors=colour, linewidths=0.9)


def _level(axes: Axes, scene: Scene, level: LevelTrace) -> None:
    """Patches and prediction of a level."""
    (top, left, side), shape = scene.seen, scene.image.shape
    scale = side / level.resolution
    corners = level.grid.corners(level.selection.indices[0])[level.selection.valid[0]]
    for row, column in corners.tolist():
        extent = level.grid.patch * scale
        axes.add_patch(
            Rectangle((left + column * scale, top + row * scale), extent, extent, fill=False, color=_PATCH, lw=0.5)
        )
    field = level.after[0, 0].float().cpu().numpy()
    if field.min() < 0 < field.max():
        places = (np.arange(level.resolution) + 0.5) * scale
        axes.contour(left + places, top + places, field, [0.0], colors=_PREDICTION, linewidths=0.9)
    axes.set(xlim=(-0.5, shape[1] - 0.5), ylim=(shape[0] - 0.5, -0.5))
