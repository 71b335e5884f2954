"""Which slices of finished structures are shown to the network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from PatchICLLib.propagation.subjects.finished_structure import FinishedStructure

COUNT = 16  # slices of the structures; and one beyond either end
_BEYOND = 0.1  # of the structure's length


def shown_slices(structures: Sequence[FinishedStructure], count: int = COUNT) -> list[tuple[int, ...]]:
    """Slices spread evenly from end to end, of one structure after the other, and one beyond each end.

    Args:
        structures: at least one, those that matter most first.
        count: slices within the structures.

    Returns:
        For each structure its slices, ascending; none of some if there are more structures than slices.
    """
    chosen: list[set[int]] = [set() for _ in structures]
    for part in range(count):
        number = part % len(structures)
        held = structures[number].outlines.indices
        place = held[0] + (part + 0.5) / count * (held[-1] - held[0])
        chosen[number].add(int(held[np.abs(held - place).argmin()]))
    for end, number in ((0, count % len(structures)), (-1, (count + 1) % len(structures))):
        structure = structures[number]
        held = structure.outlines.indices
        gap = max(1, round(_BEYOND * len(held)))
        index = int(held[end]) + (gap if end else -gap)
        if 0 <= index < len(structure.mask):
            chosen[number].add(index)
    return [tuple(sorted(slices)) for slices in chosen]
