"""The pieces of the demo's picture, each drawn on matplotlib axes that it is given."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from PatchICLLib.figures.slice_view import SliceView
from PatchICLLib.figures.style import BACKGROUND, FAINT, MUTED, TEXT

_SMOOTH_FACTOR = 4


def show_image(axes: Any, view: SliceView, image: np.ndarray, index: int, limits: tuple[float, float]) -> None:
    """One slice in grey; `limits` are the intensities shown as black and white."""
    axes.imshow(
        view.plane(image, index), cmap="gray", vmin=limits[0], vmax=limits[1], interpolation="bicubic", zorder=0
    )
    view.frame(axes)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def draw_contour(axes: Any, mask: np.ndarray, color: str, width: float, dashes: Any = "solid", zorder: int = 3) -> None:
    """Outline of a plane's mask, with the voxels' stairs rounded off."""
    if not mask.any():
        return
    padded = np.pad(mask, 1).astype(np.float32)
    fine = ndimage.zoom(padded, _SMOOTH_FACTOR, order=1, grid_mode=True, mode="nearest")
    fine = ndimage.gaussian_filter(fine, 0.45 * _SMOOTH_FACTOR)
    rows, columns = ((np.arange(count) + 0.5) / _SMOOTH_FACTOR - 1.5 for count in fine.shape)
    axes.contour(columns, rows, fine, [0.5], colors=[color], linewidths=width, linestyles=[dashes], zorder=zorder)


def fill_mask(axes: Any, mask: np.ndarray, color: str, opacity: float) -> None:
    """A translucent plane mask."""
    from matplotlib.colors import to_rgba

    overlay = np.zeros((*mask.shape, 4))
    overlay[mask] = to_rgba(color, opacity)
    axes.imshow(overlay, interpolation="nearest", zorder=2)


def show_entropy(axes: Any, view: SliceView, entropy: np.ndarray, index: int) -> Any:
    """The entropy (bits, 0-1) of one slice over what is shown already; returns the mappable for a colour bar."""
    plane = view.plane(entropy, index)
    return axes.imshow(
        plane, cmap="inferno", vmin=0, vmax=1, alpha=np.clip(plane * 2.5, 0, 0.95), interpolation="nearest", zorder=2
    )


def show_patches(
    axes: Any, boxes: Sequence[tuple[float, float, float, float]], scores: Sequence[float], color: str
) -> None:
    """Dim everything but the boxes (x, y, width, height) and outline them, brighter with a higher score."""
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Rectangle

    left, right = (limit + side for limit, side in zip(sorted(axes.get_xlim()), (-1, 1), strict=True))
    top, bottom = (limit + side for limit, side in zip(sorted(axes.get_ylim()), (-1, 1), strict=True))
    columns, rows = np.meshgrid(np.linspace(left, right, 600), np.linspace(top, bottom, 600))
    outside = np.ones(rows.shape, dtype=bool)
    for x, y, width, height in boxes:
        outside &= ~((columns >= x) & (columns < x + width) & (rows >= y) & (rows < y + height))
    shade = np.zeros((*outside.shape, 4))
    shade[outside] = to_rgba(BACKGROUND, 0.72)
    axes.imshow(shade, extent=(left, right, bottom, top), interpolation="nearest", zorder=4)
    highest = max([*scores, 1e-6])
    for (x, y, width, height), score in zip(boxes, scores, strict=True):
        strength = 0.35 + 0.65 * max(0.0, score) / highest
        axes.add_patch(
            Rectangle((x, y), width, height, fill=False, edgecolor=color, alpha=strength, linewidth=1.1, zorder=5)
        )


def draw_timeline(
    axes: Any,
    structures: Sequence[tuple[str, str, tuple[int, ...], tuple[int, int], Mapping[int, float]]],
    shown: Sequence[int],
) -> None:
    """One row per structure over the slices: its extent, the painted slices, and the uncertainty in between.

    Args:
        axes: where to draw.
        structures: name, colour, painted slices, first and last slice found, uncertainty by slice.
        shown: slices that are shown as pictures, marked by thin lines.
    """
    for index in shown:
        axes.axvline(index, color=FAINT, linewidth=1, zorder=0)
    highest = max([value for *_, uncertainty in structures for value in uncertainty.values()] + [1e-6])
    for row, (name, color, painted, extent, uncertainty) in enumerate(structures):
        axes.plot(extent, (row, row), color=color, linewidth=1.2, alpha=0.6, solid_capstyle="round")
        slices = sorted(uncertainty)
        heights = np.array([uncertainty[index] for index in slices]) / highest * 0.62
        if slices:
            axes.fill_between(slices, row, row - heights, color=color, alpha=0.35, linewidth=0)
        axes.plot(painted, [row] * len(painted), "o", color=color, markersize=7, markeredgecolor=BACKGROUND)
        axes.text(
            -0.012, row, name, transform=axes.get_yaxis_transform(), ha="right", va="center", color=color, fontsize=11
        )
    axes.set_ylim(len(structures) - 0.45, -0.8)
    axes.set_yticks([])
    axes.tick_params(length=0, labelsize=9)
    for spine in axes.spines.values():
        spine.set_visible(False)


def draw_scores(axes: Any, rows: Sequence[tuple[str, str, Mapping[str, float]]], methods: Sequence[str]) -> None:
    """Dice per structure as points on a line, ours filled in the structure's colour, the peers hollow.

    Args:
        axes: where to draw.
        rows: name, colour, Dice by method.
        methods: keys of those, ours first.
    """
    markers = ("o", "D", "s")
    for row, (name, color, scores) in enumerate(rows):
        values = [scores[method] for method in methods]
        axes.plot((min(values), max(values)), (row, row), color=FAINT, linewidth=2.5, zorder=1, solid_capstyle="round")
        for method, marker in reversed(list(zip(methods, markers, strict=False))):
            ours = method == methods[0]
            axes.plot(
                scores[method],
                row,
                marker,
                color=color if ours else BACKGROUND,
                markeredgecolor=color if ours else MUTED,
                markersize=11 if ours else 6.5,
                zorder=3 if ours else 2,
            )
        axes.annotate(
            f"{scores[methods[0]]:.2f}",
            (scores[methods[0]], row),
            (0, 9),
            textcoords="offset points",
            ha="center",
            color=TEXT,
            fontsize=10,
            fontweight="bold",
        )
        axes.text(
            -0.02, row, name, transform=axes.get_yaxis_transform(), ha="right", va="center", color=color, fontsize=11
        )
    axes.set_ylim(len(rows) - 0.5, -0.7)
    axes.set_yticks([])
    axes.grid(axis="x", color=FAINT, linewidth=0.6, alpha=0.7)
    axes.tick_params(length=0, labelsize=9)
    for spine in axes.spines.values():
        spine.set_visible(False)
