"""Reads the values of options, with errors that say what was expected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from PatchICLLib.errors import InputError

_WHOLE = (0, 2**31 - 1)
_AXES: dict[str, Literal[0, 1, 2] | None] = {"auto": None, "k": 0, "j": 1, "i": 2}


def axis_from_text(text: str) -> Literal[0, 1, 2] | None:
    """Array axis (k is 0) of --axis; None for auto."""
    if text.lower() not in _AXES:
        raise InputError(f"--axis must be auto, i, j, or k, but it is {text}.")
    return _AXES[text.lower()]


def numbers_from_text(text: str, option: str) -> list[int]:
    """The whole numbers >= 0 of a list such as "3,17,40"."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise InputError(f"{option} must be whole numbers with commas between them, such as 3,17,40, but it is {text}.")
    return [int(part) for part in parts]


def labels_from_text(text: str) -> list[int] | None:
    """The labels of --labels; None for all."""
    if text.lower() == "all":
        return None
    labels = numbers_from_text(text, "--labels")
    if 0 in labels:
        raise InputError("--labels must be 1 or larger, because 0 is the background.")
    return labels


def extent_from_text(text: str) -> Literal["auto", "painted"] | tuple[int, int]:
    """The value of --extent: "auto", "painted", or the first and last slice to fill."""
    lower = text.lower()
    if lower in ("auto", "painted"):
        return "auto" if lower == "auto" else "painted"
    first, colon, last = text.partition(":")
    if not colon or not (first.strip().isdigit() and last.strip().isdigit()) or int(first) > int(last):
        raise InputError(
            f"--extent must be auto, painted, or FIRST:LAST with the first slice not after the last, but it is {text}."
        )
    return int(first), int(last)


def region_from_text(text: str) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """First and last voxel along k, j and i of --region such as "i=40:200,k=5:90"; an axis left out is whole."""
    spans = {"k": _WHOLE, "j": _WHOLE, "i": _WHOLE}
    for part in text.lower().split(","):
        axis, _, span = part.strip().partition("=")
        first, colon, last = span.partition(":")
        if axis not in spans or not colon or not (first.isdigit() and last.isdigit()) or int(first) > int(last):
            raise InputError(
                f"--region must be spans of voxels along i, j, or k, such as i=40:200,k=5:90, but it is {text}."
            )
        spans[axis] = (int(first), int(last))
    return spans["k"], spans["j"], spans["i"]


def check_distinct(outputs: dict[str, Path | None], inputs: dict[str, Path]) -> None:
    """Raises InputError if an output would replace an input or another output; keys name them for the message."""
    taken = {path.resolve(): name for name, path in inputs.items()}
    for name, path in outputs.items():
        if path is None:
            continue
        resolved = path.resolve()
        if resolved in taken:
            raise InputError(f"{name} and {taken[resolved]} are the same file {path}; give {name} another name.")
        taken[resolved] = name


def write_json(content: Any, path: Path) -> None:
    """Write plain data as JSON.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"The output {path.name} cannot be written ({error.strerror}).") from error
