"""An engine without a network: everything is checked as by the real one, unpainted slices get the nearest painting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from PatchICLLib.cohort.case import CaseResult, CohortCase, CohortModel, run_case
from PatchICLLib.propagation.options import PropagationOptions
from PatchICLLib.propagation.planning import plan_propagation


class NearestEngine:
    """Stands for `PatchICLLib.propagation.Propagator`."""

    @classmethod
    def from_pretrained(cls, *_arguments: Any, **_options: Any) -> NearestEngine:
        return cls()

    def propagate(self, image, painted, spacing, *, progress=None, cancel=None, **options: Any) -> SimpleNamespace:
        chosen = PropagationOptions(**options)
        plans = plan_propagation(image, painted, spacing, chosen, cancel)
        labels = painted.copy()
        layers = labels if labels.ndim == 4 else labels[None]
        for index, plan in plans.items():
            along = np.moveaxis(layers[index], plan.axis, 0)
            for label, review in plan.reviews.items():
                free = [z for z in range(len(along)) if review.context and not along[z].any()]
                for z in free:
                    nearest = min(review.context, key=lambda other, z=z: abs(other - z))
                    along[z][along[nearest] == label] = label
        first = next(iter(plans.values()))
        merged = (layers > 0).any(axis=0).astype(np.float32)
        report = {
            "axis": "kji"[first.axis],
            "device": "cpu",
            "painted_slices": {str(k): list(r.context) for p in plans.values() for k, r in p.reviews.items()},
            "painted_planes": {
                str(label): {"kji"[axis]: list(found) for axis, found in planes.items()}
                for plan in plans.values()
                for label, planes in plan.painted_planes.items()
            },
            "warnings": [],
            "suggested_next_slice": None,
        }
        return SimpleNamespace(
            labels=labels, probability=merged, entropy=merged * 0, selections=(), candidates=(), report=report
        )


class SameProcess:
    """Stands for `PatchICLLib.cohort.local_pool.LocalPool`: does cases here, where the engine is another."""

    def __init__(self, *_arguments: Any) -> None:
        pass

    def run(self, cases: Sequence[CohortCase], model: CohortModel) -> Iterator[CaseResult]:
        yield from (run_case(case, model) for case in cases)
