"""Reads the manifest of a cohort: a CSV table or a JSON list, a scan a line."""

import csv
import json
from pathlib import Path
from typing import Any

from PatchICLLib.cohort.case import CohortCase
from PatchICLLib.command_line.options import (
    axis_from_text,
    extent_from_text,
    labels_options,
    numbers_from_text,
    slices_from_text,
)
from PatchICLLib.errors import InputError
from PatchICLLib.images.file_kind import check_readable_path
from PatchICLLib.segmentations.limits import LimitFiles

NEEDED = ("image", "painted", "output")
FILES = (*NEEDED, "probability", "entropy")
LIMITS = ("outside", "inside")
OPTIONS = ("axis", "painted_slices", "ignore_slices", "use_all_slices", "labels", "extent", "context_size")
_YES_OR_NO = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
COLUMNS = ("name", *FILES, *LIMITS, *OPTIONS)


def read_manifest(
    path: Path, defaults: dict[str, Any], library: Path | None = None, match: dict[int, str] | None = None
) -> list[CohortCase]:
    """The cases of a manifest.

    CSV separates by commas, semicolons or tabs and has a line of headings; JSON is a list of objects. Columns are
    image, painted and output, and if wanted name, probability, entropy, outside, inside, axis, painted_slices,
    ignore_slices, use_all_slices (yes or no), labels, extent and context_size as `patchicl propagate` takes them.
    Relative paths start at the manifest's folder.

    Args:
        path: of the manifest, `.csv`, `.tsv` or `.json`.
        defaults: options of ``Propagator.propagate`` for cases that say nothing else.
        library, match: of all cases; with a library, cases need no painting.

    Raises:
        InputError: unreadable, unknown or missing columns, no case, or values that make no sense.
    """
    cases = []
    for number, entry in enumerate(_entries(path), start=1):
        where = f"Case {number} of {path.name}"
        unknown = sorted(set(entry) - set(COLUMNS))
        if unknown:
            raise InputError(f"{where} has the unknown column {unknown[0]}; columns are {', '.join(COLUMNS)}.")
        values = {name: text for name, value in entry.items() if (text := _text(value))}
        for name, text in values.items():
            if "\0" in text or not _is_unicode(text):
                raise InputError(f"{where} has characters in its {name} that no name can have.")
        needed = NEEDED if library is None else tuple(name for name in NEEDED if name != "painted")
        missing = [name for name in needed if name not in values]
        if missing:
            raise InputError(f"{where} has no {missing[0]}; each needs {', '.join(needed)}.")
        try:
            options = {**defaults, **_options(values)}
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        files: dict[str, Any] = {name: path.parent / values[name] for name in FILES if name in values}
        name = values.get("name", Path(values["output"]).name)
        paths = {"painted": None, **files}
        limits = LimitFiles(**{name: path.parent / values[name] for name in LIMITS if name in values})
        cases.append(CohortCase(name, **paths, options=options, library=library, match=match or {}, limits=limits))
    if not cases:
        raise InputError(f"The manifest {path} names no case.")
    return cases


def _entries(path: Path) -> list[dict[str, Any]]:
    check_readable_path(path, "manifest")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise InputError(f"The manifest {path} cannot be read ({reason}).") from error
    if path.suffix.lower() == ".json":
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"The manifest {path} is no JSON ({error}).") from error
        if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
            raise InputError(f"The manifest {path} must be a list of objects with {', '.join(NEEDED)}.")
        return content
    lines = [line for line in text.splitlines() if line.strip()]
    heading = lines[0] if lines else ""
    delimiter = next((mark for mark in ("\t", ";") if mark in heading), ",")
    try:
        rows = list(csv.DictReader(lines, delimiter=delimiter))
    except csv.Error as error:
        raise InputError(f"The manifest {path} is no table ({error}).") from error
    if any(None in row for row in rows):
        raise InputError(f"A line of {path} has more columns than its headings; put lists such as 3,17 into quotes.")
    return [{str(name).strip(): value for name, value in row.items()} for row in rows]


def _is_unicode(text: str) -> bool:
    """Whether a text can be written: JSON may escape halves of letters."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    return str(value).strip()


def _options(values: dict[str, str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if "axis" in values:
        options["axis"] = axis_from_text(values["axis"])
    for name in ("painted_slices", "ignore_slices"):
        if name in values:
            options[name] = slices_from_text(values[name].replace(" ", ","), name)
    if "use_all_slices" in values:
        if (answer := values["use_all_slices"].lower()) not in _YES_OR_NO:
            raise InputError(f"use_all_slices must be yes or no, but it is {answer}.")
        options["use_all_slices"] = _YES_OR_NO[answer]
    if "labels" in values:
        options |= labels_options(values["labels"])
    if "extent" in values:
        options["extent"] = extent_from_text(values["extent"])
    if "context_size" in values:
        (options["context_size"],) = numbers_from_text(values["context_size"], "context_size")[:1]
    return options
