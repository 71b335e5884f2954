"""Dice against painted slices, with and without the library, a panel for each structure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PatchICLLib.figures.style import BACKGROUND, FAINT, MUTED, TEXT, matplotlib_settings
from PatchICLLib.leaving_out.scores import Score, worths
from PatchICLLib.outputs import save_picture

_COLOR = "#5ab4f0"  # with the library
_ACROSS = 4  # panels
_PANEL = 3.2, 2.9  # inches
_DOTS_PER_INCH = 150


def draw_scores(scores: Sequence[Score], names: Mapping[int, str], path: Path) -> None:
    """Draw and save as PNG; needs no display.

    Args:
        scores: at least one.
        names: of structures by label.
        path: of the picture.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    labels = sorted({score.structure for score in scores})
    across = min(len(labels), _ACROSS)
    down = -(-len(labels) // across)
    with rc_context(matplotlib_settings()):
        figure = Figure((_PANEL[0] * across + 0.6, _PANEL[1] * down + 0.8), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
        for number, axes in enumerate(panels.flat):
            if number < len(labels):
                _panel(axes, [one for one in scores if one.structure == labels[number]])
                axes.set_title(names[labels[number]], color=TEXT, fontsize=11)
            else:
                axes.set_visible(False)
        for axes in panels[-1]:
            axes.set_xlabel("painted slices")
        for axes in panels[:, 0]:
            axes.set_ylabel("Dice")
        handles, titles = panels[0, 0].get_legend_handles_labels()
        figure.legend(handles, titles, loc="outside lower center", ncols=2, frameon=False, fontsize=10, labelcolor=TEXT)
        save_picture(figure, path, dpi=_DOTS_PER_INCH, format="png")


def _panel(axes: Any, scores: Sequence[Score]) -> None:
    """Means as lines, and each case that was left out as a faint one."""
    for case in sorted({score.case for score in scores}):
        own = sorted((one.painted, one.library) for one in scores if one.case == case)
        axes.plot(*zip(*own, strict=True), color=_COLOR, alpha=0.35, linewidth=0.8, marker=".", markersize=3, zorder=2)
    known = worths(scores)
    alone = [(one.painted, one.without) for one in known if one.without is not None]
    if alone:
        axes.plot(
            *zip(*alone, strict=True),
            color=MUTED,
            marker="o",
            markerfacecolor=BACKGROUND,
            linewidth=1.4,
            label="painted slices alone",
            zorder=3,
        )
    axes.plot(
        [one.painted for one in known],
        [one.library for one in known],
        color=_COLOR,
        marker="o",
        linewidth=2.2,
        label="with the other cases as library",
        zorder=4,
    )
    axes.set_xticks(sorted({one.painted for one in scores}))
    axes.set_ylim(-0.02, 1.02)
    axes.grid(color=FAINT, linewidth=0.6, alpha=0.7)
    axes.tick_params(length=0, labelsize=9)
