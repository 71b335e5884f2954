"""Propagation of painted slices through a volume: the product's engine."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from PatchICLLib.errors import Cancelled
from PatchICLLib.propagation.batch_limit import BatchLimit
from PatchICLLib.propagation.cancel import CancelToken
from PatchICLLib.propagation.contexts import Contexts
from PatchICLLib.propagation.filled_slices import FilledSlices
from PatchICLLib.propagation.gap_filling import GapFilling
from PatchICLLib.propagation.geometry.axis import AXIS_NAMES
from PatchICLLib.propagation.geometry.gaps import Gap
from PatchICLLib.propagation.geometry.layers import LayeredProgress, merged
from PatchICLLib.propagation.geometry.region import GROWTH
from PatchICLLib.propagation.memory import ResultMemory, rounded
from PatchICLLib.propagation.options import PropagationOptions
from PatchICLLib.propagation.patch_budget import with_patch_budget
from PatchICLLib.propagation.plan import CONTEXT_SIZE, Plan, plan_propagation
from PatchICLLib.propagation.progress import Progress
from PatchICLLib.propagation.refinement.gap_refinement import GapRefinement
from PatchICLLib.propagation.result.canvas import Canvas
from PatchICLLib.propagation.result.packed_selections import PackedSelections
from PatchICLLib.propagation.result.propagation_result import PropagationResult
from PatchICLLib.propagation.result.review import suggest_next_slice
from PatchICLLib.propagation.result.slice_logits import SliceLogits
from PatchICLLib.runtime.device import resolve_device
from PatchICLLib.version import __version__
from PatchICLLib.weights import Pretrained, load_weights


class Propagator:
    """Fills a volume from a few painted slices. Keeps its model loaded and remembers finished slices.

    Args:
        pretrained: model with its weights and provenance.
        device: torch device of the model.

    Example:
        >>> propagator = Propagator.from_pretrained()
        >>> result = propagator.propagate(image, painted, spacing=(3.0, 0.8, 0.8))
        >>> result.labels, result.report["suggested_next_slice"]
    """

    def __init__(self, pretrained: Pretrained, device: torch.device) -> None:
        self.pretrained, self.device = pretrained, device
        self.model = pretrained.model
        self.memory = ResultMemory()

    @classmethod
    def from_pretrained(
        cls, weights: str | Path | None = None, device: str = "auto", preset: str | None = None
    ) -> Propagator:
        """With bundled weights (by name, or the default), or those of a file.

        Raises:
            InputError: unknown weights, preset or device.
        """
        chosen = resolve_device(device)
        return cls(load_weights(weights, preset, chosen), chosen)

    def propagate(
        self,
        image: np.ndarray,
        painted: np.ndarray,
        spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
        *,
        progress: Callable[[Progress], None] | None = None,
        cancel: CancelToken | None = None,
        **options: Any,
    ) -> PropagationResult:
        """Segment the unpainted slices.

        Args:
            image: (K, J, I) real numbers.
            painted: (K, J, I) integers, 0 where nothing is painted; or (L, K, J, I), labels that overlap apart in
                layers (see ``layers``), all painted along one axis. Neither array is changed.
            spacing: (sk, sj, si) in mm.
            progress: called after each finished slice, and when the total falls.
            cancel: token that stops the work within a second.
            options: see ``PropagationOptions``.

        Raises:
            InputError: something is wrong with the input; the message says what to do.
            Cancelled: with the partial result.
        """
        began, chosen, token = time.monotonic(), PropagationOptions(**options), cancel or CancelToken()
        token.raise_if_cancelled()
        plans, tell = plan_propagation(image, painted, spacing, chosen, token), progress or (lambda _: None)
        runs = {index: _Run(self, plan, began) for index, plan in plans.items()}
        if painted.ndim == 3:
            return runs[0].execute(tell, token)
        return _execute_layers(painted, runs, tell, token)


def _execute_layers(
    painted: np.ndarray, runs: dict[int, _Run], progress: Callable[[Progress], None], cancel: CancelToken
) -> PropagationResult:
    """One run after another."""
    over_all = LayeredProgress({index: run.total for index, run in runs.items()}, progress)
    results: dict[int, PropagationResult] = {}
    try:
        for index, run in runs.items():
            results[index] = run.execute(over_all.of(index), cancel)
    except Cancelled as error:
        if error.partial is not None:
            results[index] = error.partial
        raise Cancelled(partial=merged(painted, results, len(runs)) if results else None) from error
    return merged(painted, results, len(runs))


class _Run:
    """One call of ``propagate``, on one layer."""

    def __init__(self, engine: Propagator, plan: Plan, began: float) -> None:
        self.engine, self.plan, self.options = engine, plan, plan.options
        self.began = began
        self.volume, self.orientation, self.region = plan.volume, plan.orientation, plan.region
        self.model = with_patch_budget(engine.model, plan.options.patch_budget)
        self.contexts = Contexts(self.model, engine.device, plan.volume, plan.options.field_of_view)
        self.limit = BatchLimit()
        self.canvas = Canvas(
            plan.volume,
            tuple(plan.painted),
            engine.device,
            engine.pretrained.temperature,
            "entropy" in plan.options.outputs,
        )
        self.selections: list[PackedSelections] = []
        self.logits: list[SliceLogits] = []
        self.computed = self.recalled = 0
        self.first_slice: float | None = None
        self.total = plan.slices

    def execute(self, progress: Callable[[Progress], None], cancel: CancelToken) -> PropagationResult:
        self.fingerprint = self.volume.fingerprint(cancel.raise_if_cancelled)
        jobs = self.plan.jobs
        progress(Progress("preparing", 0, self.total, self._elapsed()))
        active: list[tuple[int, int, int, Gap, Iterator[FilledSlices]]] = []
        for number, (label, gap) in enumerate(jobs):
            active.append((1, number, label, gap, self._batches(label, gap, cancel)))
        left = {number: len(gap.slices) for number, (_, gap) in enumerate(jobs)}
        done = 0
        try:
            while active:
                # nearest first over all gaps and labels
                active.sort(key=lambda job: job[:2])
                _, number, label, gap, batches = active.pop(0)
                cancel.raise_if_cancelled()
                batch = next(batches, None)
                if batch is None:
                    if left[number]:  # the structure ended before the volume did
                        self.total -= left[number]
                        progress(self._progress(done))
                    continue
                self._take(batch)
                for index, plane in zip(batch.indices, self.canvas.planes(batch.indices), strict=True):
                    done += 1
                    progress(self._progress(done, index, plane))
                left[number] -= len(batch)
                active.append((gap.distance(batch.indices[-1]), number, label, gap, batches))
        except Cancelled as error:
            raise Cancelled(partial=self._result(complete=False) if done else None) from error
        return self._result(complete=True)

    def _batches(self, label: int, gap: Gap, cancel: CancelToken) -> Iterator[FilledSlices]:
        """Batches of a gap, from memory where an earlier propagation had the same.

        Logits of levels are not remembered: where they are asked for, the gap is predicted anew up to that slice.
        """
        options = self.options
        filling = GapFilling(
            self.model,
            self.engine.device,
            self.volume,
            label,
            gap,
            self.contexts,
            options.prior,
            "selections" in options.outputs,
            options.extent == "auto",
            cancel.raise_if_cancelled,
            self.limit,
            self.plan.inspected,
        )
        key = self._key(label, gap)
        remembered = self.engine.memory
        whole = remembered.get(key)
        missing = self.plan.inspected.intersection(gap.slices)
        collected: list[FilledSlices] = []
        done = 0
        refinement = GapRefinement(self.volume, label, gap, options.prior, cancel.raise_if_cancelled)
        batches = self._refined(filling.batches(), refinement)
        while whole is None or missing:
            batch = next(batches, None)
            if batch is None:
                break
            batch = rounded(batch)
            done += len(batch)
            self.computed += len(batch)
            collected.append(replace(batch, levels={}))
            missing = missing.difference(batch.indices)
            yield batch
        if whole is None:
            remembered.put(key, tuple(collected))
            return
        for part in whole:
            if done < len(part):
                self.recalled += len(part) - done
                yield self._relabelled(part[done:], label)
            done = max(0, done - len(part))

    @staticmethod
    def _refined(batches: Iterator[FilledSlices], refinement: GapRefinement) -> Iterator[FilledSlices]:
        for batch in batches:
            yield from refinement.add(batch)
        yield from refinement.rest()

    def _key(self, label: int, gap: Gap) -> bytes:
        """Everything that the result of a gap depends on."""
        digest = hashlib.blake2b(self.fingerprint)
        options = self.options
        settings = (
            gap,
            options.prior,
            options.seed,
            options.extent == "auto",
            "selections" in options.outputs,
            options.patch_budget,
            options.field_of_view,
        )
        digest.update(repr((self.orientation, settings)).encode())
        for index in gap.context:
            digest.update(np.packbits(self.volume.painted[index] == label).tobytes())
        return digest.digest()

    @staticmethod
    def _relabelled(filled: FilledSlices, label: int) -> FilledSlices:
        selections = None if filled.selections is None else filled.selections.of_label(label)
        return replace(filled, label=label, selections=selections)

    def _take(self, filled: FilledSlices) -> None:
        self.canvas.add(filled if self.region is None else self.region.cut(filled))
        if filled.selections is not None:
            self.selections.append(filled.selections)
        self.logits += filled.levels.values()
        if self.first_slice is None:
            self.first_slice = self._elapsed()

    def _elapsed(self) -> float:
        return time.monotonic() - self.began

    def _progress(self, done: int, index: int | None = None, plane: np.ndarray | None = None) -> Progress:
        elapsed = self._elapsed()
        settled = (
            self.plan.slices - self.total + done
        )  # those that a structure turned out not to reach took time as well
        remaining = elapsed / settled * (self.total - done) if settled else None
        if index is None:
            return Progress("propagating", done, self.total, elapsed, remaining)
        place = self.orientation.slice_index(index)
        return Progress("propagating", done, self.total, elapsed, remaining, place, plane)

    def _result(self, complete: bool) -> PropagationResult:
        outputs = self.options.outputs
        return PropagationResult(
            self.canvas.labels(),
            self.canvas.probability() if "probability" in outputs else None,
            self.canvas.entropy() if "entropy" in outputs else None,
            PackedSelections.joined(self.selections) if "selections" in outputs else None,
            self._report(complete),
            tuple(self.logits) if len(self.options.logits_slices) else None,
            self.canvas.boxes(),
        )

    def _distance(self, index: int, label: int) -> float:
        """To the nearest painted slice, in mm."""
        return round(min(abs(index - z) for z in self.plan.painted[label]) * self.volume.step, 4)

    def _report(self, complete: bool) -> dict[str, Any]:
        options, engine, reviews = self.options, self.engine, self.plan.reviews
        extent = options.extent if isinstance(options.extent, str) else [int(z) for z in options.extent]
        figures = self.canvas.figures()
        next_slice = suggest_next_slice(figures, self.plan.painted)
        slices = [
            {
                "index": self.orientation.slice_index(figure["index"]),
                "label": figure["label"],
                "distance_mm": self._distance(figure["index"], figure["label"]),
                **{name: figure[name] for name in ("uncertainty", "entropy", "voxels")},
            }
            for figure in figures
        ]
        return {
            "patchicl": __version__,
            "weights": engine.pretrained.provenance(),
            "device": str(engine.device),
            "torch": torch.__version__,
            "seed": options.seed,
            "prior": options.prior,
            "context_size": options.context_size or CONTEXT_SIZE,
            "patch_budget": options.patch_budget,
            "field_of_view": options.field_of_view or GROWTH,
            "region": None if self.region is None else self.region.stored(self.orientation),
            "extent": extent,
            "axis": AXIS_NAMES[self.plan.axis],
            "shape": list(self.orientation.shape),
            "spacing": list(self.plan.spacing),
            "painted_slices": {str(label): list(review.context) for label, review in reviews.items()},
            "ignored_slices": {
                str(label): list(review.without_context) for label, review in reviews.items() if review.without_context
            },
            "warnings": list(self.plan.warnings),
            "complete": complete,
            "memory_was_short": self.limit.reduced,
            "slices": sorted(slices, key=lambda f: (f["label"], f["index"])),
            "suggested_next_slice": None if next_slice is None else self.orientation.slice_index(next_slice),
            "timings": {
                "total_seconds": round(self._elapsed(), 4),
                "first_slice_seconds": None if self.first_slice is None else round(self.first_slice, 4),
                "computed_slices": self.computed,
                "recalled_slices": self.recalled,
            },
        }
