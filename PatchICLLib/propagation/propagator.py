"""Propagation of painted slices through a volume: the product's engine."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from PatchICLLib.errors import Cancelled, InputError
from PatchICLLib.library import Library
from PatchICLLib.propagation.cancel import CancelToken
from PatchICLLib.propagation.card_room import computing_device
from PatchICLLib.propagation.course import Course, Finished
from PatchICLLib.propagation.fusion import Fusion
from PatchICLLib.propagation.geometry.evidence import Evidence
from PatchICLLib.propagation.layers import LayeredProgress, merged
from PatchICLLib.propagation.listening import Listening
from PatchICLLib.propagation.memory import ResultMemory
from PatchICLLib.propagation.options import PropagationOptions
from PatchICLLib.propagation.plan import Plan
from PatchICLLib.propagation.planning import plan_propagation
from PatchICLLib.propagation.progress import Progress
from PatchICLLib.propagation.record import Record
from PatchICLLib.propagation.report import Provenance
from PatchICLLib.propagation.result.propagation_result import PropagationResult
from PatchICLLib.propagation.several_answers import with_candidates, with_joined_candidates
from PatchICLLib.propagation.subjects.adapted import LEAST_PAINTED, Adapted, AdaptedWeights, StoredWeights
from PatchICLLib.propagation.subjects.earlier_cases import EarlierCases, KeptStructures
from PatchICLLib.runtime.device import resolve_device
from PatchICLLib.weights import Pretrained, load_weights


class Propagator:
    """Fills a volume from a few painted slices. Keeps its model loaded and remembers finished slices.

    Args:
        pretrained: model with its weights and provenance.
        device: torch device of the model.
        adapted: where weights that were adapted to a library come from; by default from the library's folder.

    Example:
        >>> propagator = Propagator.from_pretrained()
        >>> result = propagator.propagate(image, painted, spacing=(3.0, 0.8, 0.8))
        >>> result.labels, result.report["suggested_next_slice"]
    """

    def __init__(self, pretrained: Pretrained, device: torch.device, adapted: AdaptedWeights | None = None) -> None:
        self.pretrained, self.device = pretrained, device
        self.model = pretrained.model
        self.memory = ResultMemory()
        self._kept_structures = KeptStructures()
        self._adapted = adapted or StoredWeights(pretrained, device)

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
        painted: np.ndarray | None,
        spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
        *,
        direction: Any = None,
        evidence: np.ndarray | None = None,
        excluded: Mapping[int, Sequence[int]] | None = None,
        library: Library | str | Path | None = None,
        match: Mapping[int, int] | None = None,
        progress: Callable[[Progress], None] | None = None,
        cancel: CancelToken | None = None,
        **options: Any,
    ) -> PropagationResult:
        """Segment the unpainted slices.

        Args:
            image: (K, J, I) real numbers.
            painted: (K, J, I) integers, 0 where nothing is painted; or (L, K, J, I), labels that overlap apart in
                layers (see ``layers``), all painted along one axis. Neither array is changed. None, with a library:
                nothing is.
            spacing: (sk, sj, si) in mm.
            direction: (3, 3) as ITK has it: column c is the direction in LPS of axis c of (i, j, k), so that scans of
                the library are turned alike; None: array axes run alike in all of them.
            evidence: what is known of voxels beside painted slices, (K, J, I) uint8, or (L, K, J, I) where each layer
                has its own. 0: nothing. 1: this voxel of ``painted`` stands for itself: a label, or 0 for none of its
                layer, is exact there, but makes no slice painted. 2 to 255: labels are not here, unless painted; 2 to
                127: they were erased, and are not in what is like it beside it; from 128: something else is here.
            excluded: for codes from 2 of the evidence the labels that are not there; of codes that are missing, none
                is.
            library: of finished cases, or its folder, to learn from as well; labels of it that are not painted are
                found by it alone. A case of this very scan is not asked.
            match: label here -> label in the library. None, where nothing is painted: all labels of the library.
            progress: called after each finished slice, and when the total falls.
            cancel: token that stops the work within a second.
            options: see ``PropagationOptions``.

        Raises:
            InputError: something is wrong with the input; the message says what to do.
            Cancelled: with the partial result.
        """
        began, chosen, token = time.monotonic(), PropagationOptions(**options), cancel or CancelToken()
        token.raise_if_cancelled()
        told = Evidence.of(evidence, excluded, image, painted)
        if library is None:
            if painted is None:
                raise InputError("Nothing is painted: paint the structure on at least one slice, or give a library.")
            cases = None
        else:
            opened = library if isinstance(library, Library) else Library.open(library)
            is_painted = painted is not None and bool(np.asarray(painted).any())
            cases = EarlierCases.of(opened, match, direction, self._kept_structures, is_painted)
            painted = _with_room(np.zeros(np.shape(image), np.uint8) if painted is None else painted, cases)
        plans = plan_propagation(image, painted, spacing, chosen, token, tuple(cases.match) if cases else (), told)
        cases = None if cases is None else cases.of_other_scans(image)
        if painted.ndim == 3:
            result = self._propagate_layer(plans[0], began, progress, token, cases)
        else:
            result = self._propagate_layers(painted, plans, began, progress, token, cases)
        return result if cases is None else replace(result, report=cases.told(result.report))

    def _propagate_layer(
        self,
        plan: Plan,
        began: float,
        tell: Callable[[Progress], None] | None,
        cancel: CancelToken,
        cases: EarlierCases | None,
    ) -> PropagationResult:
        device, too_large = computing_device(self.device, plan.orientation.shape)
        model = self.model
        if too_large is not None:
            plan, model = replace(plan, warnings=(*plan.warnings, too_large)), copy.deepcopy(model).to(device)
        record = Record(plan, device, self.pretrained.temperature, began, tell)
        provenance = Provenance(self.pretrained.provenance(), device)
        check = cancel.raise_if_cancelled
        adapted = None if cases is None else self._adapted.of(cases.library)
        fusion = Fusion(plan) if plan.runs else None
        listeners: list[Listening] = []
        short = False
        try:
            for number, run in enumerate(plan.runs or (plan,)):
                listening = None
                if cases is not None:
                    asked = {label for one in listeners for label in one.plan.painted}
                    rest = {label: slices for label, slices in run.painted.items() if label not in asked}
                    listening = Listening(model, device, replace(run, painted=rest), cases, check)
                    listeners.append(listening)
                    if fusion is None:
                        run = listening.thinned()
                heard = _adapted_labels(adapted, listeners, cases)
                for own, labels in ((None, run.painted.keys() - heard), (adapted, heard)):
                    part = replace(run, jobs=tuple(job for job in run.jobs if job[0] in labels))
                    if not part.jobs:
                        continue
                    chosen, memory = (model, self.memory) if own is None else (own.pretrained.model, own.memory)
                    if own is not None and too_large is not None:
                        chosen = copy.deepcopy(chosen).to(device)
                    course = Course(chosen, device, memory, part, check)
                    for finished in course.finished():
                        _take(finished if listening is None else listening.joined(finished), record, fusion, number)
                    short = short or course.memory_was_short
                if listening is not None:
                    _take(listening.rest(), record, fusion, number)
                if fusion is not None:
                    fusion.end(number)
        except Cancelled as error:
            if fusion is not None:
                record.exchange(fusion.slices())
            partial = record.result(provenance, False, short) if record.done else None
            raise Cancelled(partial=partial) from error
        if fusion is not None:
            record.exchange(fusion.slices())
        result = with_candidates(record.result(provenance, True, short), plan)
        report = result.report
        for listening in listeners:
            report = listening.told(report)
        for label in _adapted_labels(adapted, listeners, cases):
            assert adapted is not None
            report["library"][str(label)]["weights"] = adapted.pretrained.provenance()
        return replace(result, report=report)

    def _propagate_layers(
        self,
        painted: np.ndarray,
        plans: dict[int, Plan],
        began: float,
        tell: Callable[[Progress], None] | None,
        cancel: CancelToken,
        cases: EarlierCases | None,
    ) -> PropagationResult:
        """One layer after another."""
        totals = {index: plan.slices for index, plan in plans.items()}
        over_all = None if tell is None else LayeredProgress(totals, tell)
        results: dict[int, PropagationResult] = {}
        try:
            for index, plan in plans.items():
                results[index] = self._propagate_layer(
                    plan, began, None if over_all is None else over_all.of(index), cancel, cases
                )
        except Cancelled as error:
            if error.partial is not None:
                results[index] = error.partial
            raise Cancelled(partial=merged(painted, results, len(plans)) if results else None) from error
        count = max(plan.options.candidates for plan in plans.values())
        return with_joined_candidates(merged(painted, results, len(plans)), results, painted, count)


def _take(finished: Finished, record: Record, fusion: Fusion | None, number: int) -> None:
    """Hand on what a run has finished; along the axis of the whole it is seen at once, even if it is fused later."""
    if fusion is None:
        record.take(finished)
        return
    fusion.add(number, finished.slices)
    if fusion.whole.runs[number].axis == fusion.whole.axis:
        record.take(finished)
    else:
        record.take_across(finished)


def _adapted_labels(
    adapted: Adapted | None, listeners: Sequence[Listening], cases: EarlierCases | None
) -> frozenset[int]:
    """Labels that weights adapted to the library know, painted often enough, as far as the library is listened to."""
    if adapted is None or cases is None:
        return frozenset()
    heard = {
        label
        for listening in listeners
        for label in listening.heard
        if len(listening.plan.painted[label]) >= LEAST_PAINTED
    }
    return frozenset(label for label in heard if cases.match[label] in adapted.structures)


def _with_room(painted: np.ndarray, cases: EarlierCases) -> np.ndarray:
    """A painting of a type that holds the labels that a library knows, too."""
    kind = painted.dtype.kind if isinstance(painted, np.ndarray) else ""
    if kind not in ("i", "u", "b") or max(cases.match) <= (1 if kind == "b" else np.iinfo(painted.dtype).max):
        return painted
    return painted.astype(np.promote_types(painted.dtype, np.min_scalar_type(max(cases.match))))
