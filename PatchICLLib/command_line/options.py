"""Reads the values of options, with errors that say what was expected."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from PatchICLLib.errors import InputError

if TYPE_CHECKING:
    from PatchICLLib.library import Library

MOST_UNNAMED_LABELS = 64  # that are propagated without --labels
_WHOLE = (0, 2**31 - 1)
_MOST_DIGITS = 10
_BETWEEN_NAMES = re.compile(r",(?=\s*[0-9]+\s*=)|,(?! )")
_LONGEST_SHOWN = 60
_AXES: dict[str, Literal[0, 1, 2] | None] = {"auto": None, "k": 0, "j": 1, "i": 2}


def words(text: str) -> tuple[str, ...]:
    """The parts of a list such as "a,b"."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def names_from_text(text: str, option: str) -> dict[int, str]:
    """Names by label of a list such as "1=liver,2=spleen"; names may be such as "Kidney, left"."""
    names: dict[int, str] = {}
    for part in _BETWEEN_NAMES.split(text):
        number, mark, name = part.partition("=")
        label = whole_number(number)
        if not label or not mark or not name.strip() or label in names:
            raise InputError(
                f"{option} must be labels with a name each, such as 1=liver,2=spleen, but it is {_shown(text)}."
            )
        names[label] = name.strip()
    return names


def open_library(folder: Path | None, match: str | None) -> tuple[Library | None, dict[int, str]]:
    """The library of --library, and the names of --match by label.

    Raises:
        InputError: it cannot be opened; or there is no library to match.
    """
    from PatchICLLib.library import Library

    said = {} if match is None else names_from_text(match, "--match")
    if folder is None:
        if said:
            raise InputError("--match says what labels are in a library: name it with --library.")
        return None, said
    return Library.open(folder), said


def axis_from_text(text: str) -> Literal[0, 1, 2] | None:
    """Array axis (k is 0) of --axis; None for auto."""
    if text.lower() not in _AXES:
        raise InputError(f"--axis must be auto, i, j, or k, but it is {_shown(text)}.")
    return _AXES[text.lower()]


def numbers_from_text(text: str, option: str) -> list[int]:
    """The whole numbers >= 0 of a list such as "3,17,40"."""
    numbers = [whole_number(part) for part in text.split(",")]
    if None in numbers:
        raise InputError(
            f"{option} must be whole numbers with commas between them, such as 3,17,40, but it is {_shown(text)}."
        )
    return [number for number in numbers if number is not None]


def slices_from_text(text: str, option: str) -> list[int | tuple[int, int]]:
    """The slices of a list such as "k=3,i=40" as pairs of array axis (k is 0) and number; bare numbers stay alone."""
    slices: list[int | tuple[int, int]] = []
    for part in text.split(","):
        name, mark, digits = part.strip().rpartition("=")
        axis, number = _AXES.get(name.strip().lower()), whole_number(digits)
        if number is None or (mark and axis is None):
            raise InputError(
                f"{option} must be numbers of slices with commas between them, with an axis where it is not the run's, "
                f"such as 3,17 or k=3,i=40, but it is {_shown(text)}."
            )
        slices.append(number if axis is None else (axis, number))
    return slices


def whole_number(text: str) -> int | None:
    """The number that digits 0 to 9 spell, up to 2147483647; None for anything else."""
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit()) or len(digits.lstrip("0")) > _MOST_DIGITS:
        return None
    number = int(digits)
    return number if number <= _WHOLE[1] else None


def labels_from_text(text: str) -> list[int | str] | None:
    """The labels of --labels: values, and names of segments; None for all."""
    if text.lower() == "all":
        return None
    labels: list[int | str] = []
    for part in (part.strip() for part in text.split(",")):
        value: int | str | None = part
        if part.isascii() and part.isdigit():
            value = whole_number(part)
        if not value and value != 0:
            raise InputError(
                f"--labels must be values or names with commas between them, such as 1,liver, but it is {_shown(text)}."
            )
        labels.append(value)
    if 0 in labels:
        raise InputError("--labels must be 1 or larger, because 0 is the background.")
    return labels


def labels_options(text: str | None) -> dict[str, Any]:
    """Options of ``Propagator.propagate`` for --labels; without it all labels, unless they are suspiciously many."""
    from PatchICLLib.propagation.geometry.painted_slices import MOST_LABELS

    if text is None:
        return {"labels": None, "most_labels": MOST_UNNAMED_LABELS}
    labels = labels_from_text(text)
    return {"labels": labels} if labels is not None else {"labels": None, "most_labels": MOST_LABELS}


def extent_from_text(text: str) -> Literal["auto", "painted"] | tuple[int, int]:
    """The value of --extent: "auto", "painted", or the first and last slice to fill."""
    lower = text.lower()
    if lower in ("auto", "painted"):
        return "auto" if lower == "auto" else "painted"
    span = _span(text)
    if span is None:
        raise InputError(
            "--extent must be auto, painted, or FIRST:LAST with the first slice not after the last, but it is "
            f"{_shown(text)}."
        )
    return span


def region_from_text(text: str | None) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]] | None:
    """First and last voxel along k, j and i of --region such as "i=40:200,k=5:90"; an axis left out is whole."""
    if text is None:
        return None
    spans = {"k": _WHOLE, "j": _WHOLE, "i": _WHOLE}
    for part in text.lower().split(","):
        axis, _, span = part.strip().partition("=")
        voxels = _span(span)
        if axis not in spans or voxels is None:
            raise InputError(
                f"--region must be spans of voxels along i, j, or k, such as i=40:200,k=5:90, but it is {_shown(text)}."
            )
        spans[axis] = voxels
    return spans["k"], spans["j"], spans["i"]


def _span(text: str) -> tuple[int, int] | None:
    """The two numbers of "FIRST:LAST", in order; None for anything else."""
    first, _, last = text.partition(":")
    begin, end = whole_number(first), whole_number(last)
    return None if begin is None or end is None or begin > end else (begin, end)


def _shown(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."
