"""Propagation of painted slices through a volume: the product's engine."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from PatchICLLib.errors import Cancelled
from PatchICLLib.propagation.cancel import CancelToken
from PatchICLLib.propagation.card_room import computing_device
from PatchICLLib.propagation.course import Course
from PatchICLLib.propagation.layers import LayeredProgress, merged
from PatchICLLib.propagation.memory import ResultMemory
from PatchICLLib.propagation.options import PropagationOptions
from PatchICLLib.propagation.plan import Plan, plan_propagation
from PatchICLLib.propagation.progress import Progress
from PatchICLLib.propagation.record import Record
from PatchICLLib.propagation.report import Provenance
from PatchICLLib.propagation.result.propagation_result import PropagationResult
from PatchICLLib.runtime.device import resolve_device
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
        plans = plan_propagation(image, painted, spacing, chosen, token)
        if painted.ndim == 3:
            return self._propagate_layer(plans[0], began, progress, token)
        return self._propagate_layers(painted, plans, began, progress, token)

    def _propagate_layer(
        self, plan: Plan, began: float, tell: Callable[[Progress], None] | None, cancel: CancelToken
    ) -> PropagationResult:
        device, too_large = computing_device(self.device, plan.orientation.shape)
        model = self.model
        if too_large is not None:
            plan, model = replace(plan, warnings=(*plan.warnings, too_large)), copy.deepcopy(model).to(device)
        record = Record(plan, device, self.pretrained.temperature, began, tell)
        course = Course(model, device, self.memory, plan, cancel.raise_if_cancelled)
        provenance = Provenance(self.pretrained.provenance(), device)
        try:
            for finished in course.finished():
                record.take(finished)
        except Cancelled as error:
            partial = record.result(provenance, False, course.memory_was_short) if record.done else None
            raise Cancelled(partial=partial) from error
        return record.result(provenance, True, course.memory_was_short)

    def _propagate_layers(
        self,
        painted: np.ndarray,
        plans: dict[int, Plan],
        began: float,
        tell: Callable[[Progress], None] | None,
        cancel: CancelToken,
    ) -> PropagationResult:
        """One layer after another."""
        totals = {index: plan.slices for index, plan in plans.items()}
        over_all = None if tell is None else LayeredProgress(totals, tell)
        results: dict[int, PropagationResult] = {}
        try:
            for index, plan in plans.items():
                results[index] = self._propagate_layer(
                    plan, began, None if over_all is None else over_all.of(index), cancel
                )
        except Cancelled as error:
            if error.partial is not None:
                results[index] = error.partial
            raise Cancelled(partial=merged(painted, results, len(plans)) if results else None) from error
        return merged(painted, results, len(plans))
