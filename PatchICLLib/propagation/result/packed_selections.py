"""Selections of many slices as one table: some hundred thousand patches, of which a person looks at a few."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, overload

import numpy as np

from PatchICLLib.propagation.result.propagation_result import LevelSelection, PatchBox, SliceSelections

Span = list[int]  # first row and number of rows in the table
Slice = list[Any]  # see PackedSelections
_COLUMNS = 6  # of a patch: slice, row, column, rows, columns, score


class PackedSelections(Sequence[SliceSelections]):
    """A sequence whose elements are made when they are asked for. Equal to a tuple of the same elements.

    Context patches that several slices share, as those of a batch do, are kept once.

    Args:
        slices: index and label of each slice, and for each of its levels resolution, target patches, context patches,
            coverage and mean entropy.
        table: (patches, 6) float64: slice, row, column, rows, columns and score of each patch.
    """

    def __init__(self, slices: list[Slice], table: np.ndarray) -> None:
        self._slices, self._table = slices, table

    @classmethod
    def pack(cls, selections: Iterable[SliceSelections]) -> PackedSelections:
        """All of ``selections``, exactly; themselves if they are packed already."""
        if isinstance(selections, cls):
            return selections
        slices: list[Slice] = []
        rows: list[tuple[float, ...]] = []
        context: dict[int, Span] = {}  # where a tuple of patches went, by its identity
        kept = list(selections)  # identities are of living objects only
        for one in kept:
            levels = []
            for level in one.levels:
                target = _append(rows, level.patches)
                shared = context.get(id(level.context_patches))
                if shared is None:
                    shared = context[id(level.context_patches)] = _append(rows, level.context_patches)
                levels.append([int(level.resolution), target, shared, float(level.coverage), float(level.mean_entropy)])
            slices.append([int(one.slice_index), int(one.label), levels])
        return cls(slices, np.array(rows, np.float64).reshape(-1, _COLUMNS))

    @classmethod
    def unpacked(cls, packed: dict[str, Any]) -> PackedSelections:
        """From the plain JSON of ``packed``."""
        table = np.frombuffer(zlib.decompress(base64.b64decode(packed["patches"]))).reshape(-1, _COLUMNS)
        return cls(packed["slices"], table)

    @classmethod
    def received(cls, packed: Any) -> PackedSelections:
        """What another process packed, once it is certain that every element can be made.

        Raises:
            KeyError, TypeError, ValueError, zlib.error: ``packed`` is not what ``packed`` gives.
        """
        selections = cls.unpacked(packed)
        rows = len(selections._table)
        for index, label, levels in packed["slices"]:
            for resolution, *spans, coverage, entropy in levels:
                numbers = (index, label, resolution, *(number for first, count in spans for number in (first, count)))
                if len(spans) != 2 or not all(type(number) is int for number in numbers):
                    raise TypeError("a selection is none")
                if not all(0 <= first <= first + count <= rows for first, count in spans):
                    raise ValueError("a selection has more patches than were sent")
                if not all(type(number) in (int, float) for number in (coverage, entropy)):
                    raise TypeError("what is known of a level is no number")
        return selections

    @classmethod
    def joined(cls, parts: Iterable[PackedSelections]) -> PackedSelections:
        """The slices of all parts, and of the parts' patches those that belong to them."""
        slices: list[Slice] = []
        rows: list[np.ndarray] = [np.empty((0, _COLUMNS))]
        count, known = 0, {}  # where patches went, by the table that they were in and their place in it

        def moved(table: np.ndarray, span: Span) -> Span:
            nonlocal count
            place = (id(table), *span)
            if place not in known:
                rows.append(table[span[0] : sum(span)])
                known[place] = [count, span[1]]
                count += span[1]
            return known[place]

        for part in (kept := list(parts)):
            for index, label, levels in part._slices:
                again = [[r, moved(part._table, t), moved(part._table, c), *known_] for r, t, c, *known_ in levels]
                slices.append([index, label, again])
        del kept  # until here, so that no two tables have the same identity
        return cls(slices, np.concatenate(rows))

    def of_label(self, label: int) -> PackedSelections:
        """The same for another label."""
        return PackedSelections([[index, label, levels] for index, _, levels in self._slices], self._table)

    def chosen(self, numbers: Iterable[int]) -> PackedSelections:
        """Some of the elements, in the order asked for."""
        return PackedSelections([self._slices[number] for number in numbers], self._table)

    @cached_property
    def packed(self) -> dict[str, Any]:
        """As plain JSON."""
        data = base64.b64encode(zlib.compress(self._table.tobytes(), 1)).decode("ascii")
        return {"slices": self._slices, "patches": data}

    @property
    def nbytes(self) -> int:
        """Memory that all patches take, also those of slices that others have."""
        return self._table.nbytes

    def find(self, slice_index: int, label: int | None = None) -> SliceSelections | None:
        """The selections of a slice (for a label, if given), or None if it was not predicted."""
        for number, (index, known, _) in enumerate(self._slices):
            if index == slice_index and label in (None, known):
                return self[number]
        return None

    @property
    def most_levels(self) -> int:
        """Levels of the slice that has most; 0 where there is none."""
        return max((len(levels) for _, _, levels in self._slices), default=0)

    def __len__(self) -> int:
        return len(self._slices)

    @overload
    def __getitem__(self, number: int) -> SliceSelections: ...
    @overload
    def __getitem__(self, number: slice) -> PackedSelections: ...

    def __getitem__(self, number: int | slice) -> SliceSelections | PackedSelections:
        if isinstance(number, slice):
            return PackedSelections(self._slices[number], self._table)
        index, label, levels = self._slices[number]
        return SliceSelections(index, label, tuple(self._level(*level) for level in levels))

    def _level(self, resolution: int, target: Span, context: Span, coverage: float, entropy: float) -> LevelSelection:
        return LevelSelection(resolution, self._boxes(*target), self._boxes(*context), coverage, entropy)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]

    def _boxes(self, first: int, count: int) -> tuple[PatchBox, ...]:
        return tuple(
            PatchBox(int(index), (row, column), (rows, columns), score)
            for index, row, column, rows, columns, score in self._table[first : first + count].tolist()
        )


def _append(rows: list[tuple[float, ...]], patches: Iterable[PatchBox]) -> Span:
    """Add patches to the table, and say where they are."""
    first = len(rows)
    rows.extend((patch.slice_index, *patch.corner, *patch.size, patch.score) for patch in patches)
    return [first, len(rows) - first]
