"""From the plan to finished slices: what is remembered, and what is predicted and refined."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from PatchICLLib.propagation.batch_limit import BatchSize
from PatchICLLib.propagation.contexts import Contexts
from PatchICLLib.propagation.filling import Filling
from PatchICLLib.propagation.gap_filling import MOST_GROWTH, ContextKey, GapFilling
from PatchICLLib.propagation.gap_result import GapResult
from PatchICLLib.propagation.geometry.gaps import Gap
from PatchICLLib.propagation.geometry.volume_sampler import VolumeSampler
from PatchICLLib.propagation.guidance import Guidance
from PatchICLLib.propagation.memory import ResultMemory
from PatchICLLib.propagation.patch_budget import for_propagation
from PatchICLLib.propagation.plan import Plan
from PatchICLLib.propagation.prediction import Prediction
from PatchICLLib.propagation.result.filled_slices import FilledSlices, joined_alike
from PatchICLLib.runtime.stopwatch import part


@dataclass(frozen=True, eq=False)
class Finished:
    """Slices of a gap that are finished.

    Attributes:
        slices: some of them, possibly none.
        recalled: whether they were remembered.
        given_up: slices that were to be filled and turn out not to be reached; below 0: so many more are.
    """

    slices: tuple[FilledSlices, ...]
    recalled: bool = False
    given_up: int = 0


class Course:
    """The work on one layer of a painting.

    Args:
        model: called like the cascades.
        device: of the model.
        memory: of earlier propagations.
        plan: what to do.
        check: called often; may raise to stop.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        device: torch.device,
        memory: ResultMemory,
        plan: Plan,
        check: Callable[[], None],
    ) -> None:
        self.memory, self.plan, self.check = memory, plan, check
        # beside the first slice, which need not wait for it: reading a large volume takes as long
        reader = ThreadPoolExecutor(1, "fingerprint")
        self._fingerprint = reader.submit(plan.volume.fingerprint, check)
        reader.shutdown(wait=False)
        options, volume = plan.options, plan.volume
        budgeted = for_propagation(model, options.patch_budget)
        self._contexts = Contexts(budgeted, device, volume, options.field_of_view)
        widest = [ContextKey(label, gap.context, MOST_GROWTH) for label, gap in plan.jobs]
        sampler = VolumeSampler(volume.image, device, self._contexts.box(widest))
        guidance = Guidance(self._contexts, sampler, check) if options.prior else None
        prediction = Prediction(
            budgeted, self._contexts, guidance, sampler, "selections" in options.outputs, plan.inspected
        )
        self._filling = Filling(prediction, guidance, BatchSize.of(device), check)

    @property
    def memory_was_short(self) -> bool:
        return self._filling.memory_was_short

    def finished(self) -> Iterator[Finished]:
        """What is finished, as soon as it is: remembered gaps first, then nearest slices first."""
        results = [self._result(label, gap) for label, gap in self.plan.jobs]
        for result in results:
            if not result.must_be_predicted:
                yield self._closed(result)
        for batch in self._filling.settled(self._gaps(results)):
            with part("refinement"):
                slices = [
                    one for settled in batch for one in results[settled.number].add(settled.filled, settled.ended)
                ]
                joined = tuple(joined_alike(slices))
            yield Finished(joined)
            for settled in batch:
                result = results[settled.number]
                if settled.ended or not result.must_be_predicted:
                    self._filling.drop(settled.number)
                    yield self._closed(result)

    def _result(self, label: int, gap: Gap) -> GapResult:
        remembered = self.memory.get(self._key(label, gap)) if len(self.memory) else None
        plan = self.plan
        return GapResult(plan.volume, label, gap, plan.options.prior, plan.inspected, remembered, self.check)

    def _gaps(self, results: Sequence[GapResult]) -> list[GapFilling]:
        """What is to be predicted."""
        stops = self.plan.options.extent == "auto"
        return [
            GapFilling(
                number,
                result.label,
                result.gap,
                stops,
                self._contexts.size,
                self._too_small(result),
                self._shown(result),
            )
            for number, result in enumerate(results)
            if result.must_be_predicted
        ]

    def _too_small(self, result: GapResult) -> Callable[[ContextKey], bool]:
        """Whether, as planes across a gap show, its structure reaches beyond a region."""
        volume = self.plan.volume
        reached = None if volume.known is None else volume.known.reached(result.label, result.gap.slices)

        def is_too_small(key: ContextKey) -> bool:
            if reached is None:
                return False
            bounds = self._contexts.region(key).bounds(volume.image.shape[1:])
            return any(
                (span.start <= seen.start and seen.start > 0) or (span.stop >= seen.stop and seen.stop < count)
                for span, seen, count in zip(reached, bounds, volume.image.shape[1:], strict=True)
            )

        return is_too_small

    def _shown(self, result: GapResult) -> int:
        """How far beyond the outermost painted slice planes across show its structure."""
        known, gap = self.plan.volume.known, result.gap
        painted = gap.before if gap.after is None else gap.after
        return 0 if known is None or gap.inner or painted is None else known.shown(result.label, gap.slices, painted)

    def _closed(self, result: GapResult) -> Finished:
        """The rest of a gap of which nothing more is predicted."""
        rest = tuple(result.recalled())
        if not result.is_remembered:
            self.memory.put(self._key(result.label, result.gap), result.finished)
        return Finished(rest, recalled=True, given_up=result.left)

    def _key(self, label: int, gap: Gap) -> bytes:
        """Everything that the result of a gap depends on."""
        digest = hashlib.blake2b(self._fingerprint.result())
        volume, options = self.plan.volume, self.plan.options
        settings = (
            gap,
            options.prior,
            options.seed,
            options.extent == "auto",
            "selections" in options.outputs,
            options.patch_budget,
            options.field_of_view,
        )
        digest.update(repr((volume.orientation, settings)).encode())
        for index in gap.context:
            digest.update(np.packbits(volume.painted[index] == label).tobytes())
        if volume.known is not None:
            box = self._contexts.box([ContextKey(label, gap.context, MOST_GROWTH)])
            digest.update(volume.known.digest(label, _reached(gap, len(volume.image)), box))
        return digest.digest()


def _reached(gap: Gap, depth: int) -> range:
    """Slices of which something that is known may change what is found in a gap."""
    return range(0 if gap.before is None else gap.before + 1, depth if gap.after is None else gap.after)
