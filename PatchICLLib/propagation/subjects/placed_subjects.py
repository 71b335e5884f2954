"""Those of some other subjects who are shown, with where their structures lie in this one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PatchICLLib.propagation.subjects.finished_structure import FinishedStructure
from PatchICLLib.propagation.subjects.placement import Placement
from PatchICLLib.propagation.subjects.shown_slices import shown_slices

SHOWN = 5  # subjects that are shown, those whose scans correlate best: of more, each would show too few slices


@dataclass(frozen=True, eq=False)
class Subjects:
    """Other subjects' structures, placed in this subject; that of the largest correlation first.

    Attributes:
        structures: at most `SHOWN`.
        placements: of each.
        numbers: of each among those that were asked.
    """

    structures: list[FinishedStructure]
    placements: list[Placement]
    numbers: list[int]

    @classmethod
    def likest(
        cls, structures: Sequence[FinishedStructure], placements: Sequence[Placement | None], among: Sequence[int]
    ) -> Subjects:
        """Some of those that were asked, all of them placed: the likest."""
        placed = [(n, placement) for n in among if (placement := placements[n]) is not None]
        chosen = sorted(placed, key=lambda one: -one[1].correlation)[:SHOWN]
        return cls([structures[n] for n, _ in chosen], [p for _, p in chosen], [n for n, _ in chosen])

    @property
    def correlation(self) -> float:
        """At best."""
        return self.placements[0].correlation

    @property
    def shown(self) -> list[tuple[int, ...]]:
        """Slices of each that are shown."""
        of = len(self.structures)
        return [shown_slices(one, n, of) for one, n in zip(self.structures, self.numbers, strict=True)]
