"""The figures: Dice against operations (paper, fig. 4), and the cascade at work on examples (figs. 1 and 6)."""

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

from PatchICLLib.outputs import save_picture

if TYPE_CHECKING:
    from PatchICLLib.cascade.trace import LevelTrace

_REFERENCE, _PREDICTION, _PATCH = "lime", "red", "gold"


@dataclass(frozen=True)
class Scene:
    """One row of the cascade's figure.

    Attributes:
        title: what is segmented.
        context_image, context_mask: the first context pair, (h, w).
        image, mask, predicted: target, reference and prediction, (H, W).
        levels: of the cascade.
    """

    title: str
    context_image: np.ndarray
    context_mask: np.ndarray
    image: np.ndarray
    mask: np.ndarray
    predicted: np.ndarray
    levels: tuple[LevelTrace, ...]


def draw_cost(records: Sequence[dict[str, Any]], path: Path) -> bool:
    """Dice against GFLOPs, a line a model; returns False, and draws nothing, if no operations are known."""
    known = [r for r in records if r["gflops"]]
    if not known:
        return False
    figure = Figure(figsize=(6.4, 4.4), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name in dict.fromkeys(r["model"] for r in known):
        mine = sorted((r["gflops"], r["dice"], r["resolution"]) for r in known if r["model"] == name)
        axes.plot([m[0] for m in mine], [m[1] for m in mine], marker="o", label=name)
        for gflops, dice, side in mine:
            axes.annotate(
                f"{side}²", (gflops, dice), textcoords="offset points", xytext=(0, 7), ha="center", fontsize=8
            )
    axes.set_xscale("log")
    axes.set(xlabel="GFLOPs per slice with its context", ylabel="Dice, mean over all examples")
    axes.grid(True, which="both", alpha=0.25)
    axes.legend(fontsize=8)
    save_picture(figure, path)
    return True


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
            _level(axes, scene.image.shape, level)
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


def _level(axes: Axes, shape: tuple[int, ...], level: LevelTrace) -> None:
    """Patches and prediction of a level, whose square is centred on the image and as large as its longer side."""
    side = max(shape)
    left, top = (shape[1] - 1) / 2 - side / 2, (shape[0] - 1) / 2 - side / 2
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
