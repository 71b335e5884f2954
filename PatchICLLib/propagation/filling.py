"""All gaps of all labels, filled together: nearest slices first, and as many at once as the device takes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush
from itertools import groupby

from PatchICLLib.propagation.batch_limit import BatchLimit, BatchSize
from PatchICLLib.propagation.gap_filling import GapFilling, Portion
from PatchICLLib.propagation.guidance import Guidance
from PatchICLLib.propagation.prediction import Predicted, Prediction
from PatchICLLib.propagation.result.filled_slices import FilledSlices
from PatchICLLib.runtime.stopwatch import part


@dataclass(frozen=True, eq=False)
class Settled:
    """Slices that are predicted for good.

    Attributes:
        number: of their gap.
        filled: as the network has them.
        ended: whether no other slice of the gap is going to be predicted.
    """

    number: int
    filled: FilledSlices
    ended: bool


class Filling:
    """Fills gaps.

    Args:
        prediction: of portions.
        guidance: votes and motion; None to give no hints.
        size: how much is computed at once.
        check: called between batches; may raise to stop.
    """

    def __init__(
        self,
        prediction: Prediction,
        guidance: Guidance | None,
        size: BatchSize,
        check: Callable[[], None],
    ) -> None:
        self.prediction, self.guidance = prediction, guidance
        self.size, self.check = size, check
        self._slices_limit, self._runs_limit = BatchLimit(), BatchLimit()
        self._gaps: list[GapFilling] = []
        self._first = True

    @property
    def memory_was_short(self) -> bool:
        """Whether less was computed at once than there should have been room for."""
        return self._slices_limit.reduced or self._runs_limit.reduced

    def settled(self, gaps: Sequence[GapFilling]) -> Iterator[list[Settled]]:
        """Slices of gaps that are predicted for good, batch by batch; at most once a gap in each."""
        self._gaps = list(gaps)
        while self._gaps:
            self.check()
            chosen, unknown = self._next()
            if self.guidance is not None and unknown:
                with part("hints"):
                    self._runs_limit.map(unknown, self.guidance.look)
                self.check()
            found: dict[GapFilling, list[FilledSlices]] = {}
            for predicted in self._predicted(chosen):
                filling = predicted.portion.filling
                kept = filling.settle(predicted.portion, predicted.held, predicted.touching)
                if kept:
                    found.setdefault(filling, []).append(predicted.filled[:kept])
            for filling in found:
                if not filling.left:
                    self.drop(filling.number)
            yield [Settled(one.number, FilledSlices.joined(parts), not one.left) for one, parts in found.items()]

    def drop(self, number: int) -> None:
        """Fill no more of a gap."""
        self._gaps = [gap for gap in self._gaps if gap.number != number]
        if self.guidance is not None:
            self.guidance.forget(number)

    def _next(self) -> tuple[list[Portion], list[Portion]]:
        """The portions to predict at once, nearest first, and some, all of these among them, to look at before.

        The first slice should not have to wait until everything was looked at.
        """
        gaps, seen = self._gaps, self.guidance
        if seen is not None and seen.kept >= self.size.kept:  # first finish some of what is begun
            gaps = [gap for gap in gaps if seen.has_seen(gap.number)]
        queue = [(gap.distance, gap.number, gap) for gap in gaps]
        heapify(queue)
        chosen: list[Portion] = []
        unknown: dict[GapFilling, Portion] = {}
        size = queue[0][2].size
        room, runs = self.size.slices(size), self.size.first_runs if self._first else self.size.runs
        self._first = False
        while queue:
            gap = heappop(queue)[2]
            portion = gap.next
            contexts = {one.key for one in (*chosen, portion)}
            fits = gap.size == size and len(contexts) <= self.size.contexts
            fits = fits and (not chosen or len(portion.indices) <= room)
            if seen is not None and not seen.is_known(portion):
                if gap in unknown or any(one.filling is gap for one in chosen):
                    # all that is out of a gap is seen in the same run
                    if gap not in unknown or seen.run(portion) != seen.run(unknown[gap]):
                        continue
                else:
                    first, last = seen.run(portion)
                    if unknown and last - first >= runs or not (unknown or fits):
                        continue
                    unknown[gap] = portion
                    runs -= last - first + 1
            if fits:
                chosen.append(gap.deal())
                room -= len(portion.indices)
                if self.size.ahead and not gap.is_dealt:
                    heappush(queue, (gap.distance, gap.number, gap))
        return chosen, list(unknown.values())

    def _predicted(self, portions: Sequence[Portion]) -> Iterator[Predicted]:
        """Portions predicted, in as small parts as memory makes necessary, down to single slices."""
        slices = [(portion, z) for portion in portions for z in portion.indices]
        parts = self._slices_limit.map(slices, self._parts)
        for _, of_portion in groupby(parts, lambda part: id(part[0])):
            yield _joined(list(of_portion))

    def _parts(self, slices: Sequence[tuple[Portion, int]]) -> list[tuple[Portion, Predicted]]:
        self.check()
        whole = [list(of_portion) for _, of_portion in groupby(slices, lambda one: id(one[0]))]
        parts = [replace(some[0][0], indices=tuple(z for _, z in some)) for some in whole]
        predicted = self.prediction.of(parts)
        return [(some[0][0], one) for some, one in zip(whole, predicted, strict=True)]


def _joined(parts: Sequence[tuple[Portion, Predicted]]) -> Predicted:
    """What is known of a portion from that of its parts."""
    portion, of_parts = parts[0][0], [one for _, one in parts]
    filled = FilledSlices.joined([one.filled for one in of_parts])
    held = tuple(there for one in of_parts for there in one.held)
    return Predicted(portion, filled, held, any(one.touching for one in of_parts))
