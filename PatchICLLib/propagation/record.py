"""What a propagation has found so far, told slice by slice, and put together in the end."""

import time
from collections.abc import Callable, Iterable

import torch

from PatchICLLib.propagation.course import Finished
from PatchICLLib.propagation.plan import Plan
from PatchICLLib.propagation.progress import Progress
from PatchICLLib.propagation.report import Provenance, Timings, report
from PatchICLLib.propagation.result.canvas import Canvas
from PatchICLLib.propagation.result.filled_slices import FilledSlices
from PatchICLLib.propagation.result.packed_selections import PackedSelections
from PatchICLLib.propagation.result.propagation_result import PropagationResult
from PatchICLLib.propagation.result.slice_logits import SliceLogits
from PatchICLLib.runtime.stopwatch import part


class Record:
    """The result of one layer under construction.

    Args:
        plan: of the layer.
        device: of the slices.
        temperature: logits are divided by it.
        began: when the propagation did, on the monotonic clock.
        tell: receives the progress; None if nobody asks for it.
    """

    def __init__(
        self,
        plan: Plan,
        device: torch.device,
        temperature: float,
        began: float,
        tell: Callable[[Progress], None] | None,
    ) -> None:
        self.plan, self._began, self._tell = plan, began, tell
        with_entropy = "entropy" in plan.options.outputs
        self._new_canvas = lambda: Canvas(plan.volume, tuple(plan.painted), device, temperature, with_entropy)
        self._canvas = self._new_canvas()
        self._selections: list[PackedSelections] = []
        self._logits: list[SliceLogits] = []
        self._computed = self._recalled = 0
        self._first: float | None = None
        self._total = plan.slices
        if tell is not None:
            tell(Progress("preparing", 0, self._total, self._elapsed()))

    @property
    def done(self) -> int:
        """Slices that are finished."""
        return self._computed + self._recalled

    def take(self, finished: Finished) -> None:
        """Add what is finished, and tell of it."""
        self._total -= finished.given_up
        for slices in finished.slices:
            self._add(slices)
            done = self._count(finished, slices)
            if self._tell is not None:
                with part("writing out"):
                    planes = self._canvas.planes(slices.indices)
                for index, plane in zip(slices.indices, planes, strict=True):
                    done += 1
                    place = self.plan.orientation.slice_index(index)
                    elapsed, remaining = self._times(done)
                    self._tell(Progress("propagating", done, self._total, elapsed, remaining, place, plane))
        if finished.given_up > 0 and self._tell is not None:
            self._tell(Progress("propagating", self.done, self._total, *self._times(self.done)))

    def take_across(self, finished: Finished) -> None:
        """Tell of slices along another axis, which are not added before they are fused."""
        self._total -= finished.given_up
        for slices in finished.slices:
            self._count(finished, slices)
            if self._first is None:
                self._first = self._elapsed()
        if self._tell is not None and (finished.slices or finished.given_up > 0):
            self._tell(Progress("propagating", self.done, self._total, *self._times(self.done)))

    def exchange(self, fused: Iterable[FilledSlices]) -> None:
        """Put other slices in the place of those that were added."""
        self._canvas = self._new_canvas()
        for slices in fused:
            self._draw(slices)

    def result(self, provenance: Provenance, complete: bool, memory_was_short: bool) -> PropagationResult:
        """All that was found; the probability also where candidates are to be found by it."""
        with_candidates = complete and self.plan.options.candidates > 1
        canvas, outputs = self._canvas, self.plan.options.outputs
        timings = Timings(self._elapsed(), self._first, self._computed, self._recalled)
        with part("writing out"):
            return PropagationResult(
                canvas.labels(),
                canvas.probability() if "probability" in outputs or with_candidates else None,
                canvas.entropy() if "entropy" in outputs else None,
                PackedSelections.joined(self._selections) if "selections" in outputs else None,
                report(self.plan, provenance, canvas.figures(), timings, complete, memory_was_short),
                tuple(self._logits) if len(self.plan.options.logits_slices) else None,
                canvas.boxes(),
            )

    def _count(self, finished: Finished, slices: FilledSlices) -> int:
        """Count slices; gives how many were done before."""
        done = self.done
        if finished.recalled:
            self._recalled += len(slices)
        else:
            self._computed += len(slices)
        return done

    def _draw(self, slices: FilledSlices) -> None:
        with part("writing out"):
            region = self.plan.region
            self._canvas.add(slices if region is None else slices.within(region.box[1:]))

    def _add(self, slices: FilledSlices) -> None:
        self._draw(slices)
        if slices.selections is not None:
            self._selections.append(slices.selections)
        self._logits += slices.levels.values()
        if self._first is None:
            self._first = self._elapsed()

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _times(self, done: int) -> tuple[float, float | None]:
        """Seconds elapsed and remaining; slices that a structure turned out not to reach took time as well."""
        elapsed, settled = self._elapsed(), self.plan.slices - self._total + done
        return elapsed, elapsed / settled * (self._total - done) if settled else None
