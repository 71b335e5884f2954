"""Which slices of finished structures are shown to the network."""

from __future__ import annotations

from PatchICLLib.propagation.subjects.finished_structure import FinishedStructure

COUNT = 16  # slices of the structures; and some beyond either end
_BEYOND = 0.1  # of the structure's length


def shown_slices(structure: FinishedStructure, number: int, of: int, count: int = COUNT) -> tuple[int, ...]:
    """Slices of one of several structures: spread from end to end, between those of the others, and one beyond an end.

    They depend on nothing else, so that what was encoded of a structure serves for the next subject as well.

    Args:
        structure: one that is shown.
        number: of it among those that are asked.
        of: how many are shown.
        count: slices within all of them together.

    Returns:
        Slices, ascending; none where there are more structures than slices.
    """
    held, phase = structure.outlines.indices, number % of
    places = [(part + 0.5) / count * (held[-1] - held[0]) + held[0] for part in range(phase, count, of)]
    chosen = {int(held[abs(held - place).argmin()]) for place in places}
    gap = max(1, round(_BEYOND * len(held)))
    beyond = [int(held[0]) - gap] * (phase % 2 == 0) + [int(held[-1]) + gap] * (phase % 2 == 1 or of == 1)
    if chosen:
        chosen.update(z for z in beyond if 0 <= z < len(structure.mask))
    return tuple(sorted(chosen))
