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

from PatchICLLib.device import resolve_device
from PatchICLLib.errors import Cancelled, InputError
from PatchICLLib.propagation.across_slices import AcrossSlices
from PatchICLLib.propagation.axis import AXIS_NAMES, find_axis
from PatchICLLib.propagation.batch_limit import BatchLimit
from PatchICLLib.propagation.cancel import CancelToken
from PatchICLLib.propagation.canvas import Canvas
from PatchICLLib.propagation.contexts import Contexts
from PatchICLLib.propagation.continuity import continued
from PatchICLLib.propagation.gap_filling import FilledSlice, GapFilling
from PatchICLLib.propagation.gaps import Gap, find_gaps
from PatchICLLib.propagation.layers import LayeredProgress, layers_to_propagate, merged, with_gaps
from PatchICLLib.propagation.memory import ResultMemory, rounded
from PatchICLLib.propagation.options import PropagationOptions
from PatchICLLib.propagation.outlines import drawn_between
from PatchICLLib.propagation.painted_slices import check_label_count
from PatchICLLib.propagation.painting_review import review_painting
from PatchICLLib.propagation.patch_budget import with_patch_budget
from PatchICLLib.propagation.progress import Progress
from PatchICLLib.propagation.region import GROWTH
from PatchICLLib.propagation.region_limit import RegionLimit
from PatchICLLib.propagation.result import PropagationResult, SliceSelections
from PatchICLLib.propagation.review import suggest_next_slice
from PatchICLLib.propagation.slice_logits import SliceLogits
from PatchICLLib.propagation.sliced_volume import SlicedVolume, check_volumes
from PatchICLLib.version import __version__
from PatchICLLib.weights import Pretrained, load_weights

CONTEXT_SIZE = 5


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
        chosen, token = PropagationOptions(**options), cancel or CancelToken()
        token.raise_if_cancelled()
        layered = isinstance(painted, np.ndarray) and painted.ndim == 4 and len(painted) > 0
        layers = list(painted) if layered else [painted]
        for layer in layers:
            check_volumes(image, layer, spacing)
            token.raise_if_cancelled()
        check_label_count(layers, chosen.labels, chosen.most_labels)
        steps, tell = (float(spacing[0]), float(spacing[1]), float(spacing[2])), progress or (lambda _: None)
        if layered:
            return self._propagate_layers(image, painted, steps, chosen, tell, token)
        return _Run(self, image, painted, steps, chosen).execute(tell, token)

    def _propagate_layers(
        self,
        image: np.ndarray,
        painted: np.ndarray,
        spacing: tuple[float, float, float],
        options: PropagationOptions,
        progress: Callable[[Progress], None],
        cancel: CancelToken,
    ) -> PropagationResult:
        """One run after another, along one axis."""
        layers = layers_to_propagate(painted, options)
        axis = find_axis(np.logical_or.reduce(painted), spacing) if options.axis is None else options.axis
        runs = {
            layer.index: _Run(
                self, image, painted[layer.index], spacing, replace(options, axis=axis, labels=layer.labels)
            )
            for layer in with_gaps(painted, layers, axis)
        }
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
    """One call of ``propagate``."""

    def __init__(
        self,
        engine: Propagator,
        image: np.ndarray,
        painted: np.ndarray,
        spacing: tuple[float, float, float],
        options: PropagationOptions,
    ) -> None:
        self.engine, self.options, self.spacing = engine, options, spacing
        self.began = time.monotonic()
        axis = find_axis(painted, spacing) if options.axis is None else options.axis
        depth = image.shape[axis]
        if not isinstance(options.extent, str) and options.extent[1] >= depth:
            raise InputError(f"The extent {options.extent} goes beyond the last slice, {depth - 1}.")
        self.reviews = review_painting(
            painted, axis, options.labels, options.painted_slices, options.ignore_slices, options.use_all_slices
        )
        self.painted_stored = {label: review.context for label, review in self.reviews.items()}
        self.volume = volume = SlicedVolume.along(axis, image, painted, spacing)
        turned = self.orientation = volume.orientation
        self.painted = {
            label: tuple(sorted(turned.slice_index(z) for z in slices)) for label, slices in self.painted_stored.items()
        }
        self.extent = options.extent
        if not isinstance(options.extent, str):
            first, last = sorted(turned.slice_index(z) for z in options.extent)
            self.extent = (first, last)
        self.region = None if options.region is None else RegionLimit.of(options.region, turned)
        self.inspected = frozenset(self._inspected(depth))
        self.model = with_patch_budget(engine.model, options.patch_budget)
        self.contexts = Contexts(self.model, engine.device, volume, options.field_of_view)
        self.limit = BatchLimit()
        self.canvas = Canvas(volume, self.painted, engine.pretrained.temperature)
        self.figures: list[dict[str, Any]] = []
        self.selections: list[SliceSelections] = []
        self.logits: list[SliceLogits] = []
        self.computed = self.recalled = 0
        self.first_slice: float | None = None
        self.jobs = [(label, gap) for label in self.painted for gap in self._gaps(label)]
        self.planned = self.total = sum(len(gap.slices) for _, gap in self.jobs)

    def _inspected(self, depth: int) -> list[int]:
        """Slices whose logits are asked for, as the engine counts them."""
        for index in self.options.logits_slices:
            if not 0 <= index < depth:
                raise InputError(f"There is no slice {index} to give the logits of: the last slice is {depth - 1}.")
        return [self.orientation.slice_index(int(index)) for index in self.options.logits_slices]

    def execute(self, progress: Callable[[Progress], None], cancel: CancelToken) -> PropagationResult:
        self.fingerprint = self.volume.fingerprint(cancel.raise_if_cancelled)
        jobs = self.jobs
        progress(Progress("preparing", 0, self.total, self._elapsed()))
        active: list[tuple[int, int, int, Gap, Iterator[list[FilledSlice]]]] = []
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
                        progress(self._progress(done, None))
                    continue
                for filled in batch:
                    done += 1
                    self._take(label, gap, filled)
                    progress(self._progress(done, filled.index))
                left[number] -= len(batch)
                active.append((gap.distance(batch[-1].index), number, label, gap, batches))
        except Cancelled as error:
            raise Cancelled(partial=self._result(complete=False) if done else None) from error
        return self._result(complete=True)

    def _gaps(self, label: int) -> list[Gap]:
        painted = self.painted[label]
        filled = [z for z in painted if (self.volume.painted[z] == label).any()]
        size = self.options.context_size or CONTEXT_SIZE
        gaps = find_gaps(painted, filled, len(self.volume.image), size, self.extent)
        return gaps if self.region is None else self.region.limited(gaps)

    def _batches(self, label: int, gap: Gap, cancel: CancelToken) -> Iterator[list[FilledSlice]]:
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
            self.inspected,
        )
        key = self._key(label, gap)
        remembered = self.engine.memory
        whole = remembered.get(key)
        missing = self.inspected.intersection(gap.slices)
        collected: list[FilledSlice] = []
        averaged = AcrossSlices(self.volume, label, gap).of(filling.batches())
        drawn = averaged
        if options.prior:
            drawn = drawn_between(averaged, self.volume, label, gap, cancel.raise_if_cancelled)
        batches = continued(drawn, self.volume, label, gap)
        while whole is None or missing:
            batch = next(batches, None)
            if batch is None:
                break
            batch = rounded(batch)
            self.computed += len(batch)
            collected += batch
            missing = missing.difference(f.index for f in batch)
            yield batch
        if whole is None:
            remembered.put(key, tuple(replace(f, levels=None) for f in collected))
        elif len(collected) < len(whole):
            rest = whole[len(collected) :]
            self.recalled += len(rest)
            yield [self._relabelled(f, label) for f in rest]

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
    def _relabelled(filled: FilledSlice, label: int) -> FilledSlice:
        chosen = filled.selections
        if chosen is None or chosen.label == label:
            return filled
        return replace(filled, selections=SliceSelections(chosen.slice_index, label, chosen.levels))

    def _take(self, label: int, gap: Gap, filled: FilledSlice) -> None:
        if self.region is not None:
            filled = self.region.cut(filled)
        figures = self.canvas.add(label, filled)
        distance = gap.distance(filled.index) * self.volume.step
        self.figures.append({"index": filled.index, "label": label, "distance_mm": round(distance, 4), **figures})
        if filled.selections is not None:
            self.selections.append(filled.selections)
        if filled.levels is not None:
            self.logits.append(filled.levels)
        if self.first_slice is None:
            self.first_slice = self._elapsed()

    def _elapsed(self) -> float:
        return time.monotonic() - self.began

    def _progress(self, done: int, index: int | None) -> Progress:
        elapsed = self._elapsed()
        settled = self.planned - self.total + done  # those that a structure turned out not to reach took time as well
        remaining = elapsed / settled * (self.total - done) if settled else None
        if index is None:
            return Progress("propagating", done, self.total, elapsed, remaining)
        plane = np.array(self.orientation.plane(self.canvas.labels[index]), order="C")
        place = self.orientation.slice_index(index)
        return Progress("propagating", done, self.total, elapsed, remaining, place, plane)

    def _result(self, complete: bool) -> PropagationResult:
        labels, probability = self.canvas.finish()
        outputs = self.options.outputs
        return PropagationResult(
            labels,
            probability if "probability" in outputs else None,
            self.canvas.entropy() if "entropy" in outputs else None,
            tuple(self.selections) if "selections" in outputs else None,
            self._report(complete),
            tuple(self.logits) if len(self.options.logits_slices) else None,
            self.canvas.boxes(),
        )

    def _report(self, complete: bool) -> dict[str, Any]:
        options, engine = self.options, self.engine
        extent = options.extent if isinstance(options.extent, str) else [int(z) for z in options.extent]
        next_slice = suggest_next_slice(self.figures, self.painted)
        figures = [{**figure, "index": self.orientation.slice_index(figure["index"])} for figure in self.figures]
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
            "axis": AXIS_NAMES[self.volume.axis],
            "shape": list(self.orientation.shape),
            "spacing": list(self.spacing),
            "painted_slices": {str(label): list(slices) for label, slices in self.painted_stored.items()},
            "ignored_slices": {
                str(label): list(review.without_context)
                for label, review in self.reviews.items()
                if review.without_context
            },
            "warnings": [text for label, r in self.reviews.items() for text in r.sentences(f"label {label}")],
            "complete": complete,
            "memory_was_short": self.limit.reduced,
            "slices": sorted(figures, key=lambda f: (f["label"], f["index"])),
            "suggested_next_slice": None if next_slice is None else self.orientation.slice_index(next_slice),
            "timings": {
                "total_seconds": round(self._elapsed(), 4),
                "first_slice_seconds": None if self.first_slice is None else round(self.first_slice, 4),
                "computed_slices": self.computed,
                "recalled_slices": self.recalled,
            },
        }
