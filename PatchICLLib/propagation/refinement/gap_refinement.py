"""All that happens to the slices of one gap after the network, as they come from it."""

from collections.abc import Callable

from PatchICLLib.propagation.geometry.gaps import Gap
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.propagation.refinement.across_slices import AcrossSlices
from PatchICLLib.propagation.refinement.continuity import Continuity
from PatchICLLib.propagation.refinement.distinction import distinction
from PatchICLLib.propagation.refinement.outlines import Outlines
from PatchICLLib.propagation.refinement.painted_bounds import PaintedBounds
from PatchICLLib.propagation.result.filled_slices import FilledSlices, held


class GapRefinement:
    """Averages slices with those beside, lets outlines join in, and leaves no slice empty between painted ones.

    What is known of voxels is not averaged away.

    Args:
        volume: image and painting.
        label: the label.
        gap: what is filled.
        prior: outlines, a hint of the painted slices, join in.
        check: called now and then; may raise to stop.
    """

    def __init__(
        self, volume: SlicedVolume, label: int, gap: Gap, prior: bool, check: Callable[[], None] = lambda: None
    ) -> None:
        bounds = PaintedBounds(volume, label, gap)
        self._known = volume.known
        self._across = AcrossSlices(volume, gap, bounds, distinction(volume, label, gap.context, check))
        self._outlines = Outlines(volume, gap, bounds, check) if prior else None
        self._continuity = Continuity(gap, bounds)

    def add(self, filled: FilledSlices) -> list[FilledSlices]:
        """Take slices from the network; gives those that are finished, of one window each, possibly none."""
        return [self._finished(averaged) for averaged in self._across.add(filled)]

    def rest(self) -> list[FilledSlices]:
        """The slices that are left once no other is going to be predicted."""
        return [self._finished(averaged) for averaged in self._across.rest()]

    def _finished(self, averaged: FilledSlices) -> FilledSlices:
        drawn = averaged if self._outlines is None else self._outlines.of(averaged)
        return self._continuity.of(drawn if self._known is None else held(drawn, self._known))
