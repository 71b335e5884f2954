"""Votes and motion on the runs of slices that portions lie in, for many gaps at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.hints.painted_runs import Guides, PaintedRuns, guides_on_runs
from PatchICLLib.propagation.contexts import Contexts
from PatchICLLib.propagation.gap_filling import ContextKey, GapFilling, Portion
from PatchICLLib.propagation.geometry.volume_sampler import VolumeSampler
from PatchICLLib.propagation.painted_context import PaintedContext
from PatchICLLib.runtime.transfers import to_device

_FIRST_RUN, _FARTHER = 16, 3  # slices beyond the outermost painted one that are first looked at, and times as many then


@dataclass(frozen=True, eq=False)
class _GuidedRun:
    """A run of slices with its guides.

    Attributes:
        key: what they were learned from.
        first: slice of the run.
        images: (Z, v, v) about 0 to 1.
        rows: where each slice is among the guides.
        guides: of the slices of the run that are not painted, beside those of others.
    """

    key: ContextKey
    first: int
    images: Tensor
    rows: dict[int, int]
    guides: Guides


class Guidance:
    """Guides of portions, computed on the whole of a gap, or as far beyond the outermost painted slice as needed.

    Args:
        contexts: what portions learn from.
        sampler: of the volume.
        check: called often; may raise to stop.
    """

    def __init__(self, contexts: Contexts, sampler: VolumeSampler, check: Callable[[], None]) -> None:
        self.contexts, self.sampler, self.check = contexts, sampler, check
        self._runs: dict[int, _GuidedRun] = {}

    def is_known(self, portion: Portion) -> bool:
        run = self._runs.get(portion.filling.number)
        return run is not None and run.key == portion.key and all(z in run.rows for z in portion.indices)

    @property
    def kept(self) -> int:
        """Slices whose guides are in memory."""
        return sum(len(run.images) for run in self._runs.values())

    def has_seen(self, number: int) -> bool:
        """Whether anything is kept of a gap."""
        return number in self._runs

    def run(self, portion: Portion) -> tuple[int, int]:
        """First and last slice that are looked at for a portion; the same whatever is asked for beside it."""
        gap = portion.filling.gap
        if gap.before is not None and gap.after is not None:
            return gap.before, gap.after
        reach, needed = _FIRST_RUN, max(gap.distance(z) for z in portion.indices)
        while reach < needed:
            reach *= _FARTHER
        if needed <= portion.filling.end:
            reach = min(portion.filling.end, max(gap.distance(z) for z in gap.slices))
        if gap.after is not None:
            return max(0, gap.after - reach), gap.after
        assert gap.before is not None
        return gap.before, min(len(self.contexts.volume.image) - 1, gap.before + reach)

    def look(self, portions: Sequence[Portion]) -> None:
        """Compute what is not known of portions, of any gaps, all at once."""
        farthest = {portion.filling: portion for portion in portions if not self.is_known(portion)}
        if not farthest:
            return
        runs, seen = [], []
        for filling, portion in farthest.items():
            run, images, first = self._run(filling, portion, self.contexts.get(portion.key))
            runs.append(run)
            seen.append((filling, portion.key, first, images))
        guides = guides_on_runs(PaintedRuns.join(runs), self.check)
        row = 0
        for run, (filling, key, first, images) in zip(runs, seen, strict=True):
            rows = {first + int(place): row + n for n, place in enumerate(run.wanted)}
            row += len(run.wanted)
            self._runs[filling.number] = _GuidedRun(key, first, images, rows, guides)

    def of(self, portions: Sequence[Portion]) -> Guides:
        """Guides of the slices of portions, in their order."""
        found = []
        for portion in portions:
            run = self._runs[portion.filling.number]
            found.append(run.guides.take(np.array([run.rows[z] for z in portion.indices])))
        return Guides.join(found)

    def images(self, portion: Portion, size: int) -> Tensor | None:
        """Slices of a portion, about 0 to 1: (n, size, size); None if they were looked at in another size."""
        run = self._runs[portion.filling.number]
        if run.images.shape[-1] != size:
            return None
        places = array_tensor(np.array(portion.indices) - run.first, np.int64)
        return run.images.index_select(0, to_device(places, run.images.device))

    def forget(self, number: int) -> None:
        """Give back what is kept of a gap."""
        self._runs.pop(number, None)

    def _run(self, filling: GapFilling, portion: Portion, context: PaintedContext) -> tuple[PaintedRuns, Tensor, int]:
        gap, volume = filling.gap, self.contexts.volume
        first, last = self.run(portion)
        images = context.seen(self.sampler, range(first, last + 1))
        bounds = [b for b in (gap.before, gap.after) if b is not None]
        known = None
        if volume.known is not None:
            known = volume.known.seeds(filling.label, range(first, last + 1), context.region, images.shape[-1])
        run = PaintedRuns(
            images,
            np.array([len(images)]),
            np.array([volume.step / context.region.side]),
            context.drawn(volume.painted[bounds] == filling.label),
            np.array(bounds) - first,
            np.array([z - first for z in range(first, last + 1) if z not in bounds]),
            context.likelihood,
            None if known is None else to_device(array_tensor(known, np.uint8), images.device),
        )
        return run, images, first
