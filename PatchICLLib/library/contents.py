"""`library.json`: which structures and cases a library holds. Spatial numbers in it are in the order i, j, k."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from PatchICLLib.errors import InputError
from PatchICLLib.library.cases import HOWS, CaseEntry, Extents, Filled
from PatchICLLib.library.structures import Structure
from PatchICLLib.segmentations.terminology import Code, Terminology

CONTENTS = "library.json"
_FORMAT, _VERSION = "PatchICL library", 1
_LARGEST = 1 << 31
_CODES = {"category": "category", "type": "kind", "modifier": "modifier", "region": "region", "side": "region_modifier"}


@dataclass(frozen=True)
class Contents:
    """What `library.json` says.

    Attributes:
        structures: of all cases.
        cases: by ascending number.
        next_number: of the next case.
    """

    structures: tuple[Structure, ...] = ()
    cases: tuple[CaseEntry, ...] = ()
    next_number: int = 1

    def without(self, numbers: Iterable[int]) -> Contents:
        """Without some cases, and without structures that no other case has."""
        gone = set(numbers)
        cases = tuple(case for case in self.cases if case.number not in gone)
        used = {label for case in cases for label in case.structures}
        return Contents(tuple(one for one in self.structures if one.label in used), cases, self.next_number)


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Raises InputError where something of a library's folder is out of reach."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"The library {folder} cannot be read ({error.strerror}); check its name and permissions."
        ) from error


def read_contents(folder: Path) -> Contents:
    """Read what a library holds.

    Raises:
        InputError: there is none, or it is damaged, foreign, newer, or out of reach.
    """
    with reading(folder):
        text = _text(folder)
    try:
        content = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _damaged(folder, str(error) or "nested too deeply") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise InputError(f"{folder / CONTENTS} was not written by PatchICL, so {folder} is no library; give another.")
    version = content.get("version")
    if isinstance(version, int) and version > _VERSION:
        raise InputError(
            f"The library {folder} is of version {version}, but this PatchICL reads version {_VERSION}: update "
            "PatchICL."
        )
    try:
        return _contents(content)
    except _Wrong as error:
        raise _damaged(folder, str(error)) from error


def _text(folder: Path) -> str:
    if not folder.exists():
        raise InputError(f"There is no library {folder}; the first `patchicl library add` makes one.")
    if not folder.is_dir():
        raise InputError(f"{folder} is no library: a library is a folder, with {CONTENTS} in it.")
    try:
        return (folder / CONTENTS).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError(
            f"The folder {folder} is no library, for it has no {CONTENTS}; give another folder, or a new name for a "
            "new library."
        ) from error
    except UnicodeDecodeError as error:
        raise _damaged(folder, f"no text at byte {error.start}") from error


def contents_json(contents: Contents) -> dict[str, Any]:
    """As plain data, to be written."""
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "next_number": contents.next_number,
        "structures": [
            {
                "label": one.label,
                "name": one.name,
                "terminology": None if one.terminology is None else _codes_json(one.terminology),
                "color": None if one.color is None else list(one.color),
            }
            for one in contents.structures
        ],
        "cases": [
            {
                "number": case.number,
                "structures": list(case.structures),
                "filled": {"how": case.filled.how, "weights": case.filled.weights, "date": case.filled.date},
                "size": list(reversed(case.shape)),
                "first_voxel": list(reversed(case.first)),
                "scan_size": list(reversed(case.scan_shape)),
                "layers": case.layers,
                "scan": case.scan,
                "checksum": case.checksum,
                "extents": {str(label): list(extents) for label, extents in case.extents.items()},
            }
            for case in contents.cases
        ],
    }


def _codes_json(terminology: Terminology) -> dict[str, str | None]:
    codes = {key: getattr(terminology, name) for key, name in _CODES.items()}
    return {key: None if code is None else str(code) for key, code in codes.items()}


class _Wrong(Exception):
    """Something in the file is not as it was written."""


def _damaged(folder: Path, reason: str) -> InputError:
    return InputError(
        f"The library {folder} is damaged ({CONTENTS}: {reason}); put {CONTENTS} back from a backup, the cases' own "
        "files are untouched."
    )


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _contents(content: dict[str, Any]) -> Contents:
    structures = tuple(_structure(one) for one in _list(content, "structures"))
    cases = tuple(_case(one) for one in _list(content, "cases"))
    contents = Contents(structures, cases, _whole(content, "next_number", 1))
    labels, numbers = [one.label for one in structures], [case.number for case in cases]
    if len(set(labels)) < len(labels):
        raise _Wrong("two structures of one label")
    if numbers != sorted(set(numbers)) or numbers and numbers[-1] >= contents.next_number:
        raise _Wrong("the cases' numbers are not in order")
    for case in cases:
        if not set(case.structures) <= set(labels):
            raise _Wrong(f"case {case.number} has structures that are not in the list")
    return contents


def _structure(entry: Any) -> Structure:
    name = _field(entry, "name", str)
    if not name:
        raise _Wrong("a structure without a name")
    color = _field(entry, "color", list, type(None))
    if color is not None and not (
        len(color) == 3 and all(isinstance(part, int | float) and 0 <= part <= 1 for part in color)
    ):
        raise _Wrong(f"{ascii(name[:40])} has no color of three numbers from 0 to 1")
    return Structure(
        _whole(entry, "label", 1, (1 << 16) - 1),
        name,
        _terminology(_field(entry, "terminology", dict, type(None))),
        None if color is None else (float(color[0]), float(color[1]), float(color[2])),
    )


def _terminology(entry: dict[str, Any] | None) -> Terminology | None:
    if entry is None:
        return None
    codes: dict[str, Code | None] = {}
    for key, name in _CODES.items():
        text = _field(entry, key, str, type(None))
        codes[name] = None if text is None else Code.of_text(text)
        if codes[name] is None and (text is not None or key in ("category", "type")):
            raise _Wrong(f"no code in terminology ({key})")
    return Terminology(**codes)  # type: ignore[arg-type]


def _case(entry: Any) -> CaseEntry:
    number = _whole(entry, "number", 1)
    structures = _list(entry, "structures")
    if not structures or not all(type(label) is int for label in structures) or structures != sorted(set(structures)):
        raise _Wrong(f"case {number} has no list of structures")
    filled = _field(entry, "filled", dict)
    how = _field(filled, "how", str)
    if how not in HOWS:
        raise _Wrong(f"case {number} was filled in an unknown way")
    shape, first, scan_shape = _triple(entry, "size"), _triple(entry, "first_voxel"), _triple(entry, "scan_size")
    if not all(n >= 1 and f + n <= whole for n, f, whole in zip(shape, first, scan_shape, strict=True)):
        raise _Wrong(f"case {number} reaches beyond its scan")
    return CaseEntry(
        number=number,
        structures=tuple(structures),
        filled=Filled(how, _field(filled, "weights", str, type(None)), _field(filled, "date", str, type(None))),
        shape=shape,
        first=first,
        scan_shape=scan_shape,
        layers=_whole(entry, "layers", 1, len(structures)),
        scan=_field(entry, "scan", str),
        checksum=_field(entry, "checksum", str),
        extents=_extents(entry.get("extents", {}), number),
    )


def _extents(entry: Any, number: int) -> dict[int, Extents]:
    try:
        found = {int(label): (float(x), float(y), float(z)) for label, (x, y, z) in entry.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise _Wrong(f"case {number} has extents that are no numbers") from error
    if not all(0 < length < _LARGEST for lengths in found.values() for length in lengths):
        raise _Wrong(f"case {number} has extents that are no lengths")
    return found


def _field(entry: Any, key: str, *kinds: type) -> Any:
    if not isinstance(entry, dict) or key not in entry:
        raise _Wrong(f"{key} is missing")
    if not isinstance(entry[key], kinds):
        raise _Wrong(f"{key} is {ascii(entry[key])[:40]}")
    return entry[key]


def _list(entry: Any, key: str) -> list[Any]:
    found: list[Any] = _field(entry, key, list)
    return found


def _whole(entry: Any, key: str, least: int, most: int = _LARGEST) -> int:
    value: int = _field(entry, key, int)
    if isinstance(value, bool) or not least <= value <= most:
        raise _Wrong(f"{key} is {ascii(value)[:40]}")
    return value


def _triple(entry: Any, key: str) -> tuple[int, int, int]:
    values = _list(entry, key)
    if len(values) != 3 or not all(type(value) is int and 0 <= value < _LARGEST for value in values):
        raise _Wrong(f"{key} is {ascii(values)[:40]}")
    i, j, k = values
    return k, j, i
