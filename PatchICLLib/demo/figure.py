"""The demo's picture: what was painted, what came of it, where it is unsure, and where the model looked."""

from pathlib import Path
from typing import Any

import numpy as np

from PatchICLLib.demo.result import METHODS, OURS, DemoResult
from PatchICLLib.figures.panels import (
    draw_contour,
    draw_scores,
    draw_timeline,
    fill_mask,
    show_entropy,
    show_image,
    show_patches,
)
from PatchICLLib.figures.slice_view import SliceView
from PatchICLLib.figures.style import (
    BACKGROUND,
    MUTED,
    REFERENCE,
    REFERENCE_DASHES,
    TEXT,
    matplotlib_settings,
)

_WIDTH, _MARGIN, _GAP = 16.0, 0.5, 0.12  # inches
_DOTS_PER_INCH = 150
_STRIP_SLICES = 7


def draw_figure(result: DemoResult, path: Path) -> None:
    """Draw the picture and save it as PNG; needs no display."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(matplotlib_settings()):
        composer = _Composer(result, Figure)
        FigureCanvasAgg(composer.figure)
        composer.compose()
        composer.figure.savefig(path, dpi=_DOTS_PER_INCH)


class _Composer:
    """Places the panels, in inches from the top left corner."""

    def __init__(self, result: DemoResult, figure_class: Any) -> None:
        self.result = result
        self.image, self.reference = result.sample.image, result.sample.reference
        self.labels = list(result.painted_slices)
        self.color = result.sample.colors
        self.view = SliceView.around(self.image, self.reference > 0, result.axis, margin_mm=12)
        self.limits = self.view.intensity_limits(self.image.array)
        self.focus = self._most_instructive_selection()
        self.tile = (_WIDTH - 2 * _MARGIN - (_STRIP_SLICES - 1) * _GAP) / _STRIP_SLICES
        self.strip_height = self.tile * self.view.aspect
        self.timeline_height = 0.3 + 0.34 * len(self.labels)
        levels = len(self.focus.levels)
        self.panel = (_WIDTH - 2 * _MARGIN - 4.35 - levels * _GAP) / (levels + 1)
        self.panel_height = self.panel * self.view.aspect
        self.bottom_height = max(self.panel_height, 2.2)
        self.height = 1.45 + self.strip_height + 0.3 + self.timeline_height + 1.05 + self.bottom_height + 0.62
        self.figure = figure_class(figsize=(_WIDTH, self.height))

    def compose(self) -> None:
        self._header()
        top = 1.45
        shown = self._strip(top)
        top += self.strip_height + 0.3
        self._timeline(top, shown)
        top += self.timeline_height + 1.05
        self._entropy_and_levels(top)
        self._scores(top)

    def _axes(self, left: float, top: float, width: float, height: float) -> Any:
        bottom = self.height - top - height
        return self.figure.add_axes(
            (left / _WIDTH, bottom / self.height, width / _WIDTH, height / self.height), facecolor=BACKGROUND
        )

    def _text(self, left: float, top: float, text: str, **options: Any) -> None:
        self.figure.text(left / _WIDTH, 1 - top / self.height, text, **{"va": "baseline", **options})

    def _header(self) -> None:
        result = self.result
        painted = sum(len(slices) for slices in result.painted_slices.values())
        filled = sum(
            int((np.moveaxis(result.propagation.labels, result.axis, 0) == label).any(axis=(1, 2)).sum())
            for label in self.labels
        )
        self._text(_MARGIN, 0.62, "Paint a few slices, the rest fills in", fontsize=25, fontweight="bold")
        per_structure = len(next(iter(result.painted_slices.values())))
        self._text(
            _MARGIN,
            0.98,
            f"PatchICL on a T1 MRI: {len(self.labels)} structures, {per_structure} slices of each painted. "
            f"The other {filled - painted} outlines took {result.seconds:.0f} s.",
            fontsize=13,
            color=MUTED,
        )
        self._legend()

    def _legend(self) -> None:
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        color = self.color[self.labels[0]]
        handles = [
            Patch(facecolor=color, alpha=0.75, label="painted"),
            Line2D([], [], color=color, linewidth=2.2, label="PatchICL"),
            Line2D([], [], color=REFERENCE, linewidth=1.1, linestyle=REFERENCE_DASHES, label="reference"),
        ]
        self.figure.legend(
            handles=handles,
            loc="center right",
            bbox_to_anchor=(1 - (_MARGIN - 0.1) / _WIDTH, 1 - 0.86 / self.height),
            ncols=3,
            frameon=False,
            fontsize=12,
            labelcolor=TEXT,
            handlelength=1.7,
            columnspacing=1.8,
        )

    def _strip(self, top: float) -> list[int]:
        """A row of slices from the first to the last painted one of a structure; returns their indices."""
        voxels = (np.moveaxis(self.reference, self.result.axis, 0) > 0).sum(axis=(1, 2))
        # of the structure whose painted slices show most of all structures
        painted = max(self.result.painted_slices.values(), key=lambda slices: int(voxels[list(slices)].sum()))
        positions = np.interp(np.linspace(0, len(painted) - 1, _STRIP_SLICES), np.arange(len(painted)), painted)
        shown = [round(position) for position in positions]
        for column, index in enumerate(shown):
            left = _MARGIN + column * (self.tile + _GAP)
            axes = self._axes(left, top, self.tile, self.strip_height)
            show_image(axes, self.view, self.image.array, index, self.limits)
            self._outlines(axes, index)
            names = [label for label in self.labels if index in self.result.painted_slices[label]]
            self._text(left, top - 0.1, f"slice {index}", fontsize=10.5, color=MUTED)
            for position, label in enumerate(reversed(names)):
                dot = left + self.tile - 0.16 * position
                self._text(dot, top - 0.1, "●", fontsize=10.5, color=self.color[label], ha="right")
            if names:
                end = left + self.tile - 0.16 * len(names) - 0.03
                self._text(end, top - 0.1, "painted", fontsize=10.5, ha="right")
        return shown

    def _outlines(self, axes: Any, index: int) -> None:
        found, truth = (self.view.plane(array, index) for array in (self.result.propagation.labels, self.reference))
        for label in self.labels:
            if index in self.result.painted_slices[label]:
                fill_mask(axes, truth == label, self.color[label], 0.72)
            else:
                fill_mask(axes, found == label, self.color[label], 0.16)
                draw_contour(axes, found == label, self.color[label], 2.0)
                draw_contour(axes, truth == label, REFERENCE, 0.9, REFERENCE_DASHES, zorder=4)

    def _timeline(self, top: float, shown: list[int]) -> None:
        left = _MARGIN + 1.6
        axes = self._axes(left, top, _WIDTH - _MARGIN - left, self.timeline_height)
        rows = []
        sliced = np.moveaxis(self.result.propagation.labels, self.result.axis, 0)
        for label in self.labels:
            present = np.flatnonzero((sliced == label).any(axis=(1, 2)))
            uncertainty = {
                int(one["index"]): float(one["uncertainty"])
                for one in self.result.propagation.report["slices"]
                if one["label"] == label and present[0] <= one["index"] <= present[-1]
            } | dict.fromkeys(self.result.painted_slices[label], 0.0)
            rows.append(
                (
                    self.result.sample.names[label],
                    self.color[label],
                    self.result.painted_slices[label],
                    (int(present[0]), int(present[-1])),
                    uncertainty,
                )
            )
        draw_timeline(axes, rows, shown)
        axes.set_xlabel("slice   ·   dots: painted   ·   height: how unsure the model is", fontsize=10, labelpad=4)

    def _entropy_and_levels(self, top: float) -> None:
        index, label, color = self.focus.slice_index, self.focus.label, self.color[self.focus.label]
        entropy = self.result.propagation.entropy
        assert entropy is not None  # the demo asks for it
        axes = self._axes(_MARGIN, top, self.panel, self.panel_height)
        show_image(axes, self.view, self.image.array, index, self.limits)
        mappable = show_entropy(axes, self.view, entropy, index)
        self._title(_MARGIN, top, "Where it is unsure", f"entropy on slice {index}")
        bar = self._axes(_MARGIN, top + self.panel_height + 0.1, self.panel, 0.1)
        self.figure.colorbar(mappable, cax=bar, orientation="horizontal", ticks=[0, 0.5, 1])
        bar.set_xticklabels(["0", "0.5", "1 bit"], fontsize=9)
        bar.tick_params(length=0)
        for number, level in enumerate(self.focus.levels):
            left = _MARGIN + (number + 1) * (self.panel + _GAP)
            axes = self._axes(left, top, self.panel, self.panel_height)
            show_image(axes, self.view, self.image.array, index, self.limits)
            boxes = [self.view.rectangle(patch.corner, patch.size) for patch in level.patches]
            show_patches(axes, boxes, [patch.score for patch in level.patches], color)
            found = self.view.plane(self.result.propagation.labels, index)
            draw_contour(axes, found == label, color, 1.6, zorder=6)
            heading = "Where it looks" if number == 0 else ""
            self._title(left, top, heading, f"level {number + 1}:  {level.resolution} px, {len(boxes)} patches")

    def _title(self, left: float, top: float, heading: str, detail: str) -> None:
        self._text(left, top - 0.36, heading, fontsize=14, fontweight="bold")
        self._text(left, top - 0.12, detail, fontsize=10.5, color=MUTED)

    def _scores(self, top: float) -> None:
        result = self.result
        left = _WIDTH - _MARGIN - 2.7
        self._title(left, top, "How good it is", "Dice on the slices nobody painted")
        axes = self._axes(left, top, 2.7, self.panel_height)
        rows = [(result.sample.names[label], self.color[label], result.dice[label]) for label in self.labels]
        rows.append(("Mean", TEXT, {method: result.mean_dice(method) for method in METHODS}))
        draw_scores(axes, rows, METHODS)
        lowest = min(value for *_, scores in rows for value in scores.values())
        axes.set_xlim(max(0, np.floor(lowest * 10 - 0.3) / 10), 1.0)
        key = f"●  {OURS}    ◇  {METHODS[1].lower()}    □  {METHODS[2].lower()}"
        self._text(_WIDTH - _MARGIN, top + self.panel_height + 0.46, key, fontsize=9, color=MUTED, ha="right")

    def _most_instructive_selection(self) -> Any:
        """Of the slices that went through most levels, the one with the most entropy."""
        selections, entropy = self.result.propagation.selections, self.result.propagation.entropy
        assert selections and entropy is not None  # the demo asks for them
        depth = max(len(one.levels) for one in selections)
        per_slice = np.moveaxis(entropy, self.result.axis, 0).sum(axis=(1, 2))
        return max(
            (one for one in selections if len(one.levels) == depth), key=lambda one: float(per_slice[one.slice_index])
        )
