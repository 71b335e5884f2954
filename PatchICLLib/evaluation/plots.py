"""The figures of a run: Dice against k, Dice against distance to the nearest painted slice, calibration."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_hex

from PatchICLLib.evaluation.calibration import Bins, error_rate_of_entropy
from PatchICLLib.evaluation.results import Row
from PatchICLLib.outputs import save_picture

_COLOURS = {
    "patchicl": "#c1272d",
    "universeg": "#7b3294",
    "grow-from-seeds": "#1b7837",
    "random-walker": "#8c510a",
    "graph-cut": "#01a6a6",
    "fill-between-slices": "#e08214",
    "interpolation": "#2166ac",
    "nearest": "#737373",
    "averaged-without-library": "#bdbdbd",
}
_NAMES = {"averaged-without-library": "no library, averaged (control)"}
_LIBRARIES = plt.get_cmap("Blues")  # the darker the more cases
_MANY_CASES = 8
_PLACEMENT_TITLES = {"span": "span: ends painted", "inset": "inset: ends to be found"}
_MOST_DISTANCE_BINS = 5


FIGURES = ("dice_against_k.png", "dice_against_distance.png", "calibration.png")


def write_plots(summary: dict[str, Any], rows: Sequence[Row], folder: Path) -> list[Path]:
    """Write the figures that the rows allow; returns their paths.

    Distances need painted slices, calibration needs a method with probabilities.
    """
    written = [_dice_against_k(summary, folder / FIGURES[0])]
    painted = [row for row in rows if row.k]
    if painted:
        written.append(_dice_against_distance(painted, folder / FIGURES[1]))
    calibrated = _calibrated_methods(summary)
    if calibrated:
        written.append(_calibration(calibrated, folder / FIGURES[2]))
    return written


def _dice_against_k(summary: dict[str, Any], path: Path) -> Path:
    placements = list(dict.fromkeys(entry["placement"] for entry in summary["settings"]))
    figure, axes = plt.subplots(1, len(placements), figsize=(4.6 * len(placements), 3.8), sharey=True, squeeze=False)
    for axis, placement in zip(axes[0], placements, strict=True):
        entries = [entry for entry in summary["settings"] if entry["placement"] == placement]
        for method in _methods(entries):
            points = [
                (entry["k"], entry["methods"][method]["overall"]["dice"])
                for entry in entries
                if method in entry["methods"]
            ]
            ks = [k for k, _ in points]
            means = np.array([dice["mean"] for _, dice in points])
            bounds = np.array([[dice["low"], dice["high"]] for _, dice in points])
            axis.errorbar(
                ks, means, np.abs(bounds - means[:, None]).T, label=_name(method), color=_colour(method), marker="o",
                markersize=4, capsize=2, linewidth=2.2 if method.startswith("patchicl") else 1.3,
            )  # fmt: skip
        axis.set(title=_PLACEMENT_TITLES[placement], xlabel="painted slices", xticks=sorted({e["k"] for e in entries}))
        axis.grid(alpha=0.25)
    axes[0][0].set_ylabel("Dice on slices not painted\n(mean over sources, 95 % interval)")
    axes[0][-1].legend(fontsize=8)
    return _save(figure, path)


def _dice_against_distance(rows: Sequence[Row], path: Path) -> Path:
    scores: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    k = _middle(sorted({row.k for row in rows}))
    for row in rows:
        if row.k == k:
            scores[row.placement, row.method].extend(_relative_distances(row))
    placements = [placement for placement in _PLACEMENT_TITLES if any(key[0] == placement for key in scores)]
    figure, axes = plt.subplots(1, len(placements), figsize=(4.6 * len(placements), 3.8), sharey=True, squeeze=False)
    for axis, placement in zip(axes[0], placements, strict=True):
        pooled = np.array([d for (p, _), pairs in scores.items() if p == placement for d, _ in pairs])
        edges = np.unique(np.quantile(pooled, np.linspace(0, 1, _MOST_DISTANCE_BINS + 1)))
        edges[-1] += 1e-6
        for method in sorted({method for p, method in scores if p == placement}, key=_rank):
            distances, dice = np.array(scores[placement, method]).T
            bins = np.digitize(distances, edges) - 1
            filled = [index for index in range(len(edges) - 1) if np.any(bins == index)]
            axis.plot(
                [distances[bins == index].mean() for index in filled],
                [dice[bins == index].mean() for index in filled],
                label=_name(method), color=_colour(method), marker="o", markersize=4,
                linewidth=2.2 if method == "patchicl" else 1.3,
            )  # fmt: skip
        axis.set(
            title=f"{_PLACEMENT_TITLES[placement]}, k = {k}",
            xlabel="distance to the nearest painted slice\n(share of the structure's length)",
        )
        axis.grid(alpha=0.25)
    axes[0][0].set_ylabel("2D Dice of a slice (mean)")
    axes[0][-1].legend(fontsize=8)
    return _save(figure, path)


def _relative_distances(row: Row) -> list[tuple[float, float]]:
    """Distance over the structure's length, and 2D Dice: in mm, short and long structures would not compare."""
    step = min((distance for distance, _ in row.slices), default=1.0)  # a neighbour of a painted slice always counts
    return [(distance / step / row.slice_count, score) for distance, score in row.slices]


def _calibration(calibrated: dict[str, tuple[Bins, Bins]], path: Path) -> Path:
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.8))
    line = np.linspace(0, 1, 101)
    left.plot(line, line, "k--", linewidth=1, label="calibrated")
    right.plot(line, error_rate_of_entropy(line), "k--", linewidth=1, label="calibrated")
    for method, (probability, entropy) in calibrated.items():
        left.plot(
            *probability.means(),
            marker="o",
            color=_colour(method),
            label=f"{_name(method)}, error {probability.gap():.4f}",
        )
        expected = error_rate_of_entropy(entropy.means()[0])
        right.plot(
            *entropy.means(),
            marker="o",
            color=_colour(method),
            label=f"{_name(method)}, error {entropy.gap(expected):.4f}",
        )
    left.set(xlabel="predicted probability", ylabel="share of voxels in the structure")
    right.set(xlabel="entropy (bits)", ylabel="share of voxels labelled wrongly")
    for axis in (left, right):
        axis.grid(alpha=0.25)
        axis.legend(fontsize=8)
    return _save(figure, path)


def _calibrated_methods(summary: dict[str, Any]) -> dict[str, tuple[Bins, Bins]]:
    """Bins of each method that has them, over all settings."""
    totals: dict[str, tuple[Bins, Bins]] = {}
    for entry in summary["settings"]:
        for method, result in entry["methods"].items():
            if result["calibration"] is not None:
                pair = (
                    Bins.from_json(result["calibration"]["probability_bins"]),
                    Bins.from_json(result["calibration"]["entropy_bins"]),
                )
                before = totals.get(method)
                totals[method] = pair if before is None else (before[0] + pair[0], before[1] + pair[1])
    return totals


def _methods(entries: list[dict[str, Any]]) -> list[str]:
    return sorted({method for entry in entries for method in entry["methods"]}, key=_rank)


def _rank(method: str) -> tuple[int, str]:
    known = list(_COLOURS)
    name = method.split(" @")[0]
    return (known.index(name) if name in known else len(known), method)


def _name(method: str) -> str:
    """What a method is called in a legend."""
    cases = method.removeprefix("library-")
    if cases != method and cases.isdigit():
        return f"library of {cases} case{'' if cases == '1' else 's'}"
    return _NAMES.get(method, method)


def _colour(method: str) -> str | None:
    # Further weights of one method would share a colour: leave those to matplotlib's cycle.
    cases = method.removeprefix("library-")
    if cases != method and cases.isdigit():
        return to_hex(_LIBRARIES(0.35 + 0.65 * min(int(cases), _MANY_CASES) / _MANY_CASES))
    return _COLOURS.get(method)


def _middle(values: list[int]) -> int:
    return 3 if 3 in values else values[len(values) // 2]


def _save(figure: Any, path: Path) -> Path:
    figure.tight_layout()
    save_picture(figure, path, dpi=150)
    plt.close(figure)
    return path
