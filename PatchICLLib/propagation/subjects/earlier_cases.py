"""Structures of a library's cases, turned the way a scan is looked at; read once and kept for the next scan."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.library import CaseEntry, FinishedCase, Library
from PatchICLLib.library.cases import body_axes, of_scan
from PatchICLLib.propagation.geometry.orientation import Orientation
from PatchICLLib.propagation.geometry.whole_numbers import whole_numbers
from PatchICLLib.propagation.subjects.finished_structure import FinishedStructure, turned_alike

MOST_CASES = 8  # that are asked about a structure: more say little more, and placing takes time
_STEP, _UNKNOWN = 0.05, 4  # of size, as a logarithm, that makes no difference; in steps, where no size is known
_LARGEST_LABEL = (1 << 31) - 1
_KEPT_CASES, _KEPT = 8, 48  # cases, and structures of cases, in memory at a time


class KeptStructures:
    """Structures of cases as they were read, and what was worked out about them; the least recent are forgotten."""

    def __init__(self) -> None:
        self._cases: OrderedDict[str, FinishedCase] = OrderedDict()
        self._structures: OrderedDict[tuple[object, ...], FinishedStructure] = OrderedDict()
        self._directions: dict[str, np.ndarray] = {}

    def of(
        self, library: Library, entry: CaseEntry, label: int, like: Orientation, direction: np.ndarray | None
    ) -> FinishedStructure:
        """A structure of a case, turned as another scan is looked at.

        Args:
            library: that has the case.
            entry: of the case.
            label: of the structure, in the library.
            like: how the other scan's arrays are looked at.
            direction: of the other scan.

        Raises:
            InputError: the case's files are missing or damaged.
        """
        if entry.checksum not in self._directions:
            self._directions[entry.checksum] = self._case(library, entry).direction
        # scans whose directions differ a little look at a case alike
        turned = turned_alike(entry.shape, self._directions[entry.checksum], like, direction)
        key = entry.checksum, entry.number, label, turned.axes, turned.mirrored
        if key not in self._structures:
            case = self._case(library, entry)
            self._structures[key] = FinishedStructure.turned(
                case.image, case.mask_of(label), case.spacing, turned, entry.number
            )
            _forget(self._structures, _KEPT)
        self._structures.move_to_end(key)
        return self._structures[key]

    def _case(self, library: Library, entry: CaseEntry) -> FinishedCase:
        if entry.checksum not in self._cases:
            self._cases[entry.checksum] = library.case(entry.number)
            _forget(self._cases, _KEPT_CASES)
        self._cases.move_to_end(entry.checksum)
        return self._cases[entry.checksum]


def _forget(kept: OrderedDict[Any, Any], most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)


@dataclass(frozen=True, eq=False)
class EarlierCases:
    """A library, and which of its structures are meant.

    Attributes:
        library: of finished cases.
        match: label in this scan -> label in the library.
        direction: (3, 3) of this scan, column c the direction of axis c of (i, j, k) in LPS; None: array axes run alike
            in all scans.
        kept: what was read before.
        own: numbers of the library's cases that are of this very scan; they are not asked.
    """

    library: Library
    match: Mapping[int, int]
    direction: np.ndarray | None
    kept: KeptStructures
    own: tuple[int, ...] = ()

    @classmethod
    def of(
        cls,
        library: Library,
        match: Mapping[int, int] | None,
        direction: np.ndarray | None,
        kept: KeptStructures,
        is_painted: bool,
    ) -> EarlierCases:
        """Checked.

        Args:
            library: of finished cases.
            match: label in this scan -> label in the library; None: the library's own labels, if nothing is painted.
            direction: of this scan.
            kept: what was read before.
            is_painted: whether anything is.

        Raises:
            InputError: the library is empty, the match is none, names no structure of it, or is not given though
                something is painted, or the direction is none.
        """
        known = {structure.label for structure in library.structures}
        if not known:
            raise InputError(f"The library {library.path} holds no finished case yet: add one first.")
        if match is None:
            if is_painted:
                raise InputError(
                    "Equal labels need not be equal structures: say which label of the painting is which of the "
                    "library, as in match={1: 2}."
                )
            match = {label: label for label in sorted(known)}
        if not isinstance(match, Mapping) or not match:
            raise InputError(f"Say which label here is which of the library, as in match={{1: 2}}, not as {match!r}.")
        match = dict(zip(*(whole_numbers(some, "Matched labels") for some in (match, match.values())), strict=True))
        for label, theirs in match.items():
            if theirs not in known:
                names = ", ".join(f"{one.label} ({one.name})" for one in library.structures)
                raise InputError(f"Label {label} is to be structure {theirs} of the library, which has {names}.")
            if not 1 <= label <= _LARGEST_LABEL:
                raise InputError(f"Label {label} cannot be a structure: labels go from 1 to {_LARGEST_LABEL}.")
        if direction is not None:
            direction = np.asarray(direction, float)
            if direction.shape != (3, 3) or not np.isfinite(direction).all() or abs(np.linalg.det(direction)) < 0.5:
                raise InputError("The direction must be a 3 x 3 matrix of direction cosines, one column for each axis.")
        return cls(library, match, direction, kept)

    def of_other_scans(self, image: np.ndarray) -> EarlierCases:
        """Without cases of this scan itself: they agree with it in everything, and so would bring back what is wrong.

        Args:
            image: (K, J, I), all of the scan.
        """
        own = of_scan(self.library.cases, image)
        if not own:
            return self
        return replace(self, library=Library(self.library.path, self.library.contents.without(own)), own=own)

    def told(self, report: Mapping[str, Any]) -> dict[str, Any]:
        """A report that says which cases were not asked, and which labels have no other."""
        if not self.own:
            return dict(report)
        sentence = f"Case {self.own[0]} of the library is this very scan, so it is not asked."
        alone = [label for label, theirs in sorted(self.match.items()) if not self.library.cases_with(theirs)]
        if alone:
            sentence += f" There is no other case of label {', '.join(map(str, alone))}."
        return {**report, "own_cases": list(self.own), "warnings": [*report["warnings"], sentence]}

    def of_label(
        self, label: int, orientation: Orientation, extents: tuple[float, float] | None = None
    ) -> list[FinishedStructure]:
        """The structure that a label means, in those cases that are worth asking, as the scan is looked at.

        Of many cases that hold it those whose structures are of about the same size, the latest of these: known without
        reading scans.

        Args:
            label: in this scan.
            orientation: how this scan is looked at.
            extents: mm along rows and columns of what is painted; None if nothing is.

        Raises:
            InputError: a case's files are missing or damaged.
        """
        theirs = self.match.get(label)
        if theirs is None:
            return []
        entries = list(self.library.cases_with(theirs))
        if len(entries) > MOST_CASES:
            unlike = self._unlike(entries, theirs, orientation, extents)
            chosen = sorted(range(len(entries)), key=lambda n: (unlike[n], -n))[:MOST_CASES]
            entries = [entries[n] for n in sorted(chosen)]
        return [self.kept.of(self.library, entry, theirs, orientation, self.direction) for entry in entries]

    def _unlike(
        self, entries: Sequence[CaseEntry], label: int, orientation: Orientation, extents: tuple[float, float] | None
    ) -> list[int]:
        """How far each case's structure is from the size here, or, if that is not known, from the usual: in steps."""
        sizes = np.array([entry.extents.get(label, (np.nan,) * 3) for entry in entries])
        usual = np.nanmedian(sizes, axis=0) if np.isfinite(sizes).any() else np.ones(3)
        if extents is not None:
            body = body_axes(np.eye(3) if self.direction is None else self.direction)
            sizes = sizes[:, [body[axis] for axis in orientation.axes[1:]]]
            usual = np.array(extents)
        apart = np.abs(np.log(sizes / usual)).mean(1)
        return np.nan_to_num(np.floor(apart / _STEP), nan=_UNKNOWN).astype(int).tolist()
