"""Learning curves from the log of a training."""

import json
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from PatchICLLib.errors import InputError
from PatchICLLib.outputs import complete_lines, save_picture

_COLOURS = {"hints": "tab:red", "bare": "tab:blue", "shape": "0.65", "vote": "0.35"}
_NAMES = {
    "hints": "with painted slices",
    "bare": "without (pure in-context)",
    "shape": "interpolation alone",
    "vote": "image-aware vote alone",
}


def read_log(path: Path) -> list[dict[str, Any]]:
    """Entries in ascending order of steps; where an interrupted run repeated steps, what it logged last.

    An unfinished last line, which a kill may leave, is no entry.

    Raises:
        InputError: missing, or not a log of a training.
    """
    if not path.is_file():
        raise InputError(f"There is no log of a training at {path}.")
    entries: dict[tuple[int, bool], dict[str, Any]] = {}
    for number, line in enumerate(complete_lines(path), 1):
        try:
            entry = json.loads(line)
            entries[int(entry["step"]), "validation" in entry] = entry
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"Line {number} of {path} is no entry of a training's log: delete that line.") from error
    return [entries[key] for key in sorted(entries)]


def draw_curves(entries: list[dict[str, Any]], path: Path) -> None:
    """A picture of loss and learning rate, Dice in training, and Dice on development cases over steps.

    Args:
        entries: from ``read_log``.
        path: picture to write.
    """
    steps = [entry for entry in entries if "loss" in entry]
    measured = [entry for entry in entries if entry.get("validation")]
    figure = Figure(figsize=(14, 4), layout="constrained")
    loss, training, validation = figure.subplots(1, 3)

    loss.plot([e["step"] for e in steps], [e["loss"] for e in steps], color="tab:green")
    loss.set(title="Loss: cross-entropy + Dice, all levels", xlabel="step")
    rate = loss.twinx()
    rate.plot([e["step"] for e in steps], [e["rate"] for e in steps], color="0.6", linestyle=":")
    rate.set_ylabel("learning rate (dotted)")
    rate.ticklabel_format(axis="y", scilimits=(0, 0))

    for name in ("hints", "bare"):
        seen = [e for e in steps if f"dice_{name}" in e]
        _curve(training, name, [e["step"] for e in seen], [e[f"dice_{name}"] for e in seen])
    training.set_title("Dice on training tasks")
    for name in _NAMES:
        _curve(
            validation,
            name,
            [e["step"] for e in measured],
            [e["validation"]["mean"][name] for e in measured],
            marker=".",
        )
    validation.set_title("Dice on development cases, averaged weights")
    for axes in (training, validation):
        axes.set(xlabel="step", ylim=(0, 1))
        if axes.lines:
            axes.legend(loc="lower right", fontsize=8)
        else:
            axes.text(0.5, 0.5, "nothing measured yet", ha="center", transform=axes.transAxes)
    save_picture(figure, path, dpi=90)


def _curve(axes: Axes, name: str, steps: list[int], values: list[float], marker: str = "") -> None:
    if steps:
        axes.plot(steps, values, color=_COLOURS[name], label=_NAMES[name], marker=marker)
