"""What becomes of the slices of one gap after the network, and what of it is known from an earlier propagation."""

from collections.abc import Callable
from dataclasses import replace

from PatchICLLib.propagation.geometry.gaps import Gap
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.propagation.memory import Remembered, rounded
from PatchICLLib.propagation.refinement.gap_refinement import GapRefinement
from PatchICLLib.propagation.result.filled_slices import FilledSlices


class GapResult:
    """Slices of a gap, refined and rounded as they come from the network, or remembered.

    Logits of levels are not remembered: where they are asked for, the gap is predicted anew up to that slice.

    Args:
        volume: image and painting.
        label: the label.
        gap: what is filled.
        prior: let outlines, a hint of the painted slices, join in.
        inspected: slices whose levels are asked for.
        remembered: all slices of the gap, if they are known.
        check: called now and then; may raise to stop.
    """

    def __init__(
        self,
        volume: SlicedVolume,
        label: int,
        gap: Gap,
        prior: bool,
        inspected: frozenset[int],
        remembered: Remembered | None,
        check: Callable[[], None],
    ) -> None:
        self.label, self.gap, self.is_remembered = label, gap, remembered is not None
        self._remembered = remembered or ()
        self._missing = inspected.intersection(gap.slices)
        self._finished: list[FilledSlices] = []
        self._new_refinement = lambda: GapRefinement(volume, label, gap, prior, check)
        self._refinement: GapRefinement | None = None

    @property
    def must_be_predicted(self) -> bool:
        """Whether slices from the network are still needed."""
        return not self.is_remembered or bool(self._missing)

    @property
    def finished(self) -> Remembered:
        """All slices given so far, without their levels: what is to be remembered in the end."""
        return tuple(replace(filled, levels={}) for filled in self._finished)

    @property
    def left(self) -> int:
        """How many slices of the gap were not given."""
        return len(self.gap.slices) - sum(len(filled) for filled in self._finished)

    def add(self, filled: FilledSlices, ended: bool) -> list[FilledSlices]:
        """Take slices from the network, the last ones if it ``ended``; gives those that are finished."""
        if self._refinement is None:
            self._refinement = self._new_refinement()
        refined = self._refinement.add(filled) + (self._refinement.rest() if ended else [])
        return self._given([rounded(one) for one in refined])

    def recalled(self) -> list[FilledSlices]:
        """The slices that are remembered and were not given yet."""
        known = {z for filled in self._finished for z in filled.indices}
        parts = []
        for filled in self._remembered:
            numbers = [n for n, z in enumerate(filled.indices) if z not in known]
            if numbers:
                parts.append(filled if len(numbers) == len(filled) else filled.chosen(numbers))
        return self._given([self._relabelled(part) for part in parts])

    def _given(self, finished: list[FilledSlices]) -> list[FilledSlices]:
        self._finished += finished
        self._missing = self._missing.difference(z for filled in finished for z in filled.indices)
        return finished

    def _relabelled(self, filled: FilledSlices) -> FilledSlices:
        selections = None if filled.selections is None else filled.selections.of_label(self.label)
        return replace(filled, label=self.label, selections=selections)
