"""Structures of a library's cases, turned the way a scan is looked at; read once and kept for the next scan."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.library import Library
from PatchICLLib.propagation.geometry.orientation import Orientation
from PatchICLLib.propagation.subjects.finished_structure import FinishedStructure, turned_alike

MOST_CASES = 8  # that are asked about a structure, the latest: more say little more, and placing takes time
_KEPT = 48  # structures in memory at a time

Key = tuple[str, int, tuple[int, int, int], tuple[bool, bool, bool], bytes | None]


@dataclass(frozen=True, eq=False)
class KeptStructures:
    """Structures of cases as they were read last; the least recently used are forgotten."""

    known: OrderedDict[Key, FinishedStructure] = field(default_factory=OrderedDict)

    def put(self, key: Key, structure: FinishedStructure) -> None:
        self.known[key] = structure
        while len(self.known) > _KEPT:
            self.known.popitem(last=False)

    def get(self, key: Key) -> FinishedStructure | None:
        if key in self.known:
            self.known.move_to_end(key)
        return self.known.get(key)


@dataclass(frozen=True, eq=False)
class EarlierCases:
    """A library, and which of its structures are meant.

    Attributes:
        library: of finished cases.
        match: label in this scan -> label in the library.
        direction: (3, 3) of this scan, column c the direction of axis c of (i, j, k) in LPS; None: array axes run alike
            in all scans.
        kept: what was read before.
    """

    library: Library
    match: Mapping[int, int]
    direction: np.ndarray | None
    kept: KeptStructures

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
            InputError: the library is empty, the match names no structure of it, or none is given though something is
                painted, or the direction is none.
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
        for label, theirs in match.items():
            if theirs not in known:
                names = ", ".join(f"{one.label} ({one.name})" for one in library.structures)
                raise InputError(f"Label {label} is to be structure {theirs} of the library, which has {names}.")
            if label < 1:
                raise InputError(f"Label {label} cannot be a structure: labels begin at 1.")
        if direction is not None:
            direction = np.asarray(direction, float)
            if direction.shape != (3, 3) or not np.isfinite(direction).all() or abs(np.linalg.det(direction)) < 0.5:
                raise InputError("The direction must be a 3 x 3 matrix of direction cosines, one column for each axis.")
        return cls(library, dict(match), direction, kept)

    def of_label(self, label: int, orientation: Orientation) -> list[FinishedStructure]:
        """The structure that a label means, in the latest cases that hold it, as the scan is looked at.

        Raises:
            InputError: a case's files are missing or damaged.
        """
        theirs = self.match.get(label)
        entries = () if theirs is None else self.library.cases_with(theirs)[-MOST_CASES:]
        found = []
        for entry in entries:
            assert theirs is not None
            key = self._key(entry.checksum, theirs, orientation)
            structure = self.kept.get(key)
            if structure is None:
                case = self.library.case(entry.number)
                turned = turned_alike(entry.shape, case.direction, orientation, self.direction)
                mask = case.mask_of(theirs)
                structure = FinishedStructure.turned(case.image, mask, case.spacing, turned, entry.number)
                self.kept.put(key, structure)
            found.append(structure)
        return found

    def _key(self, checksum: str, label: int, orientation: Orientation) -> Key:
        turned = None if self.direction is None else self.direction.tobytes()
        return checksum, label, orientation.axes, orientation.mirrored, turned
