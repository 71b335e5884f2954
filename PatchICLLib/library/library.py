"""A library: opened, added to, taken from, and merged with another. Whatever happens meanwhile, no case is lost."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.images import Grid
from PatchICLLib.library.adapted_weights import ADAPTED, adapted_with
from PatchICLLib.library.case_files import case_files, case_folder, read_case, relabelled, stage_case
from PatchICLLib.library.cases import CaseEntry, Filled, FinishedCase
from PatchICLLib.library.contents import CONTENTS, Contents, contents_json, read_contents, reading
from PatchICLLib.library.folder import alone, check_gone, is_unused, recover, will_be_new
from PatchICLLib.library.new_case import NewCase
from PatchICLLib.library.structures import Structure, match_structures
from PatchICLLib.outputs import StagedFiles, output_folder, stage_json

_LARGEST_LABEL = (1 << 16) - 1


class ScanIsThereError(InputError):
    """The scan is in the library already. Attribute: number: of its case."""

    def __init__(self, library: Path, number: int) -> None:
        super().__init__(
            f"The scan is in the library {library} already, as case {number}: replace that case, or remove it first."
        )
        self.number = number


@dataclass(frozen=True)
class Added:
    """A case that was added.

    Attributes:
        number: of the case.
        structures: of it, as the library has them.
        replaced: numbers of the cases that held the same scan.
        removed_weights: those adapted with what was replaced.
    """

    number: int
    structures: tuple[Structure, ...]
    replaced: tuple[int, ...]
    removed_weights: tuple[Path, ...]


@dataclass(frozen=True)
class Merged:
    """What came of a merge. Attributes: added: new numbers; already_there: numbers, there, of scans known here."""

    added: tuple[int, ...]
    already_there: tuple[int, ...]


class Library:
    """A folder of finished cases.

    Its structures and cases are those on disk when it was opened or last changed through this object. Other processes
    may read and change the same folder; each change is one step for all of them.

    Attributes:
        path: of the folder.
    """

    def __init__(self, path: Path, contents: Contents) -> None:
        self.path, self._contents = path, contents

    @property
    def contents(self) -> Contents:
        """What `library.json` says."""
        return self._contents

    @classmethod
    def open(cls, path: str | Path, may_be_new: bool = False) -> Library:
        """Open a library.

        Args:
            path: of its folder.
            may_be_new: a folder that is missing or empty is an empty library, which the first case will make.

        Raises:
            InputError: there is none, or it is damaged, foreign, newer, or out of reach.
        """
        path = Path(path)
        with reading(path):
            return cls(path, Contents() if may_be_new and will_be_new(path) else read_contents(path))

    @property
    def structures(self) -> tuple[Structure, ...]:
        """Of all cases."""
        return self._contents.structures

    @property
    def cases(self) -> tuple[CaseEntry, ...]:
        """By ascending number."""
        return self._contents.cases

    @property
    def adapted(self) -> Path:
        """Folder of the weights that were adapted to this library; it need not exist."""
        return self.path / ADAPTED

    def cases_with(self, label: int) -> tuple[CaseEntry, ...]:
        """The cases in which a structure is finished."""
        return tuple(case for case in self.cases if label in case.structures)

    def match(self, structures: Sequence[Structure]) -> dict[int, int]:
        """Label of each wanted structure that is known -> its label here; see `match_structures`."""
        return match_structures(self.structures, structures)

    def entry(self, number: int) -> CaseEntry:
        """Raises InputError if there is no case of that number."""
        for case in self.cases:
            if case.number == number:
                return case
        known = ", ".join(str(case.number) for case in self.cases) or "none"
        raise InputError(f"There is no case {number} in the library {self.path}; there are {known}.")

    def case(self, number: int) -> FinishedCase:
        """Read a case.

        Raises:
            InputError: there is none of that number, or its files are missing or damaged.
        """
        return read_case(self.path, self.entry(number))

    def add(
        self,
        image: np.ndarray,
        labels: np.ndarray,
        grid: Grid,
        structures: Sequence[Structure],
        filled: Filled,
        replace_scan: bool = False,
    ) -> Added:
        """Add a finished case: the part of a scan around its structures. Nothing else of the scan is kept.

        Args:
            image: (K, J, I) intensities.
            labels: (K, J, I) or, where structures overlap, (L, K, J, I) integers.
            grid: where the voxels lie.
            structures: those that are finished, by label. Left out are labels without one, structures without voxels,
                and those with a default name.
            filled: where the labels come from.
            replace_scan: take the place of the case that holds the same scan.

        Raises:
            ScanIsThereError: the same scan is there, and may not be replaced.
            InputError: nothing to add, voxels that are not numbers, a folder that cannot be written to.
        """
        new = NewCase.of(image, labels, grid, structures)
        with self._changing() as files:
            same = [case.number for case in self.cases if case.scan == new.scan]
            if same and not replace_scan:
                raise ScanIsThereError(self.path, same[0])
            removed = self._drop(files, same)
            (number,) = self._free_numbers(1)
            known = self._join(new.structures)
            entry, mask = new.entry(number, known, filled)
            with output_folder(case_folder(self.path, number)):
                stage_case(files, self.path, entry, new.image, mask, new.grid)
                self._append([entry])
                self._commit(files)
        check_gone(self.path, same, removed)
        weights = tuple(path for path in removed if path.parent == self.adapted)
        added = tuple(one for one in self.structures if one.label in entry.structures)
        return Added(number, added, tuple(same), weights)

    def remove(self, number: int) -> tuple[Path, ...]:
        """Remove a case, and all weights that were adapted with it.

        Returns:
            The files of such weights.

        Raises:
            InputError: there is no such case, or its files cannot be removed.
        """
        with self._changing() as files:
            self.entry(number)
            removed = self._drop(files, [number])
            self._commit(files)
        check_gone(self.path, [number], removed)
        return tuple(path for path in removed if path.parent == self.adapted)

    def merge(self, other: Library) -> Merged:
        """Add all cases of another library, except those of scans that are here already.

        Raises:
            InputError: a case of the other library is damaged, or this one cannot be written to.
        """
        if self.path.resolve() == other.path.resolve():
            raise InputError(f"{self.path} and {other.path} are the same library; name another one to merge.")
        with self._changing() as files:
            here = {case.scan for case in self.cases}
            coming = [case for case in other.cases if case.scan not in here]
            used = {label for case in coming for label in case.structures}
            known = self._join([one for one in other.structures if one.label in used])
            numbers = self._free_numbers(len(coming))
            with contextlib.ExitStack() as folders:
                for number, entry in zip(numbers, coming, strict=True):
                    case = other.case(entry.number)
                    labels = {label: known[label] for label in entry.structures}
                    there, mask = relabelled(case, number, labels)
                    folders.enter_context(output_folder(case_folder(self.path, number)))
                    stage_case(files, self.path, there, case.image, mask, case.grid)
                    self._append([there])
                if coming:
                    self._commit(files)
        already = tuple(case.number for case in other.cases if case.scan in here)
        return Merged(tuple(numbers), already)

    @contextlib.contextmanager
    def unchanged(self, entries: Iterable[CaseEntry]) -> Iterator[None]:
        """While the block runs, nobody adds or removes cases, and some cases are there.

        Raises:
            InputError: one of them is not there any more.
        """
        with alone(self.path):
            there = read_contents(self.path).cases
            gone = [entry.number for entry in entries if entry not in there]
            if gone:
                raise InputError(
                    f"Case {gone[0]} was removed from the library {self.path} meanwhile: start again without it."
                )
            yield

    @contextlib.contextmanager
    def _changing(self) -> Iterator[StagedFiles]:
        """While the block runs, nobody else changes the folder, and this object knows what it holds.

        If the block raises, this object is what it was before.
        """
        before = self._contents
        try:
            with output_folder(self.path), alone(self.path):
                recover(self.path)
                self._contents = Contents() if is_unused(self.path) else read_contents(self.path)
                with StagedFiles() as files:
                    yield files
        except BaseException:
            self._contents = before
            raise

    def _commit(self, files: StagedFiles) -> None:
        # last: whoever reads meanwhile finds every case that the list names
        stage_json(files, contents_json(self._contents), self.path / CONTENTS)
        files.commit()

    def _free_numbers(self, count: int) -> list[int]:
        """Numbers that no case had; a folder that somebody else put there keeps its own."""
        numbers: list[int] = []
        number = self._contents.next_number
        while len(numbers) < count:
            if not case_folder(self.path, number).exists():
                numbers.append(number)
            number += 1
        self._contents = replace(self._contents, next_number=number)
        return numbers

    def _join(self, structures: Sequence[Structure]) -> dict[int, int]:
        """Label of each structure -> its label here, new ones among them."""
        known = self.match(structures)
        label = max((one.label for one in self.structures), default=0)
        new = []
        for one in structures:
            if one.label not in known:
                label += 1
                known[one.label] = label
                new.append(replace(one, label=label))
        if label > _LARGEST_LABEL:
            raise InputError(f"The library {self.path} cannot hold more than {_LARGEST_LABEL} structures.")
        self._contents = replace(self._contents, structures=(*self.structures, *new))
        return known

    def _append(self, entries: Iterable[CaseEntry]) -> None:
        self._contents = replace(self._contents, cases=(*self.cases, *entries))

    def _drop(self, files: StagedFiles, numbers: Sequence[int]) -> list[Path]:
        """Take cases from the list; returns their files and those of weights adapted with them, which will go."""
        if not numbers:
            return []
        entries = [self.entry(number) for number in numbers]
        paths = [path for entry in entries for path in case_files(self.path, entry) if path.exists()]
        paths += adapted_with(self.adapted, numbers)
        for path in paths:
            files.remove(path)
        self._contents = self._contents.without(numbers)
        return paths
