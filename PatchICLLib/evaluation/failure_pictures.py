"""A picture of failures: what was painted, what was to be found, and what two methods found."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from PatchICLLib.evaluation.failures import FailedSlice
from PatchICLLib.figures.panels import draw_contour, show_image
from PatchICLLib.figures.slice_view import SliceView
from PatchICLLib.figures.style import BACKGROUND, TEXT, matplotlib_settings
from PatchICLLib.outputs import save_picture

_REFERENCE, _OWN, _PEER = "#4cd964", "#ff5a52", "#ffb02e"
_TILE, _TITLE, _MARGIN = 2.5, 0.45, 0.12  # inches
_DOTS_PER_INCH = 90
_AROUND = 0.35  # margin around what is shown, of its extent


def draw_failures(failed: Iterable[FailedSlice], count: int, path: Path) -> None:
    """Draw a row for each failure and save the picture as PNG: nearest painted slice, worst slice, both results.

    Args:
        failed: failures, each needed only until the next.
        count: how many there are.
        path: where to save.
    """
    height = count * (_TILE + _TITLE) + _MARGIN
    width = 4 * _TILE + 5 * _MARGIN
    with rc_context(matplotlib_settings()):
        figure = Figure(figsize=(width, height))
        FigureCanvasAgg(figure)
        for row, scene in enumerate(failed):
            top = height - row * (_TILE + _TITLE)
            figure.text(_MARGIN / width, (top - 0.2) / height, _title(scene), fontsize=9.5, va="center")
            for column in range(4):
                left, bottom = _MARGIN + column * (_TILE + _MARGIN), top - _TITLE - _TILE
                place = (left / width, bottom / height, _TILE / width, _TILE / height)
                _panel(figure.add_axes(place), scene, column)
        save_picture(figure, path, dpi=_DOTS_PER_INCH)


def _title(scene: FailedSlice) -> str:
    own, peer = scene.failure.own, scene.failure.peer
    return (
        f"{own.structure}, {own.case}: {own.placement}, {own.k} painted slices. "
        f"Dice {own.method} {own.dice:.2f}, {peer.method} {peer.dice:.2f}"
    )


def _panel(axes: Axes, scene: FailedSlice, column: int) -> None:
    own, peer = scene.predicted
    view = _view(scene)
    index = scene.painted_index if column == 0 else scene.index
    show_image(axes, view, scene.image.array, index, view.intensity_limits(scene.image.array))
    if column != 1:
        draw_contour(axes, view.plane(scene.reference, index), _REFERENCE, 1.3, zorder=4)
    for name, number, colour in ((own, 2, _OWN), (peer, 3, _PEER)):
        if column == number:
            draw_contour(axes, view.plane(scene.predicted[name], index), colour, 1.6)
    away = f"worst slice, {abs(scene.index - scene.painted_index)} from there"
    caption = ("nearest painted slice", away, own, peer)[column]
    outline = [withStroke(linewidth=2.2, foreground=BACKGROUND)]
    axes.text(
        0.02, 0.98, caption, transform=axes.transAxes, va="top", fontsize=8, color=TEXT, path_effects=outline, zorder=9
    )


def _view(scene: FailedSlice) -> SliceView:
    """Shows the structure and what was taken for it, with a margin."""
    axis = scene.failure.own.axis
    shown = scene.reference.any(axis)
    for predicted in scene.predicted.values():
        shown = shown | predicted.take(scene.index, axis)
    spacing = [scene.image.spacing[other] for other in range(3) if other != axis]
    extents = [np.ptp(places) * step for places, step in zip(np.nonzero(shown), spacing, strict=True)]
    margin = _AROUND * max(extents) + 2 * max(spacing)
    return SliceView.around(scene.image, np.expand_dims(shown, axis), axis, float(margin))
