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
_COLUMNS = 6  # of a patch: slice, row, column, rows, columns, score


class PackedSelections(Sequence[SliceSelections]):
    """A sequence whose elements are made when they are asked for. Equal to a tuple of the same elements.

    Context patches that several slices share, as those of a batch do, are kept once.

    Args:
        packed: plain JSON, as from ``pack``; kept as ``packed``.
    """

    def __init__(self, packed: dict[str, Any]) -> None:
        self.packed = packed

    @classmethod
    def pack(cls, selections: Iterable[SliceSelections]) -> PackedSelections:
        """All of ``selections``, exactly."""
        slices: list[Any] = []
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
        table = np.array(rows, np.float64).reshape(-1, _COLUMNS)
        data = base64.b64encode(zlib.compress(table.tobytes(), 1)).decode("ascii")
        return cls({"slices": slices, "patches": data})

    @classmethod
    def received(cls, packed: Any) -> PackedSelections:
        """What another process packed, once it is certain that every element can be made.

        Raises:
            KeyError, TypeError, ValueError, zlib.error: ``packed`` is not what ``pack`` makes.
        """
        selections = cls(packed)
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

    def find(self, slice_index: int, label: int | None = None) -> SliceSelections | None:
        """The selections of a slice (for a label, if given), or None if it was not predicted."""
        for number, (index, known, _) in enumerate(self.packed["slices"]):
            if index == slice_index and label in (None, known):
                return self[number]
        return None

    @property
    def most_levels(self) -> int:
        """Levels of the slice that has most; 0 where there is none."""
        return max((len(levels) for _, _, levels in self.packed["slices"]), default=0)

    def __len__(self) -> int:
        return len(self.packed["slices"])

    @overload
    def __getitem__(self, number: int) -> SliceSelections: ...
    @overload
    def __getitem__(self, number: slice) -> tuple[SliceSelections, ...]: ...

    def __getitem__(self, number: int | slice) -> SliceSelections | tuple[SliceSelections, ...]:
        if isinstance(number, slice):
            return tuple(self[place] for place in range(*number.indices(len(self))))
        index, label, levels = self.packed["slices"][number]
        return SliceSelections(index, label, tuple(self._level(*level) for level in levels))

    def _level(self, resolution: int, target: Span, context: Span, coverage: float, entropy: float) -> LevelSelection:
        return LevelSelection(resolution, self._boxes(*target), self._boxes(*context), coverage, entropy)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]

    @cached_property
    def _table(self) -> np.ndarray:
        return np.frombuffer(zlib.decompress(base64.b64decode(self.packed["patches"]))).reshape(-1, _COLUMNS)

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
