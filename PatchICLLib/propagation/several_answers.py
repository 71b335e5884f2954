"""A result with its candidates, if they were asked for."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from PatchICLLib.propagation.candidates.description import described
from PatchICLLib.propagation.candidates.find import Known, find_candidates, joined_candidates
from PatchICLLib.propagation.geometry.axis import AXIS_NAMES
from PatchICLLib.propagation.geometry.orientation import Orientation
from PatchICLLib.propagation.plan import Plan
from PatchICLLib.propagation.result.propagation_result import Candidate, PropagationResult


def with_candidates(result: PropagationResult, plan: Plan) -> PropagationResult:
    """The complete result of one layer with what else it may be, as the options of its plan say."""
    options, turned, volume = plan.options, plan.orientation, plan.volume
    if options.candidates == 1:
        return result
    assert result.probability is not None
    # as the engine sees the volume, so that the same comes out however it is stored
    seen = replace(
        result,
        labels=turned.view(result.labels),
        probability=turned.view(result.probability),
        boxes=(turned.seen_box(result.box),),
    )
    evidence = None if volume.known is None else volume.known.evidence
    across = {} if evidence is None else evidence.planes
    planes = {
        label: sorted({*((0, index) for index in slices), *across.get(label, ())})
        for label, slices in plan.painted.items()
    }
    known = Known(volume.painted, planes, (volume.step, *volume.spacing), evidence)
    found = find_candidates(seen, known, options.candidates, options.seed)
    others = [Candidate(_stored(one.labels, turned), one.probability) for one in found[1:]]
    told = _told(result, (Candidate(result.labels, found[0].probability), *others))
    return told if "probability" in options.outputs else replace(told, probability=None)


def with_joined_candidates(
    merged: PropagationResult, layers: Mapping[int, PropagationResult], painted: np.ndarray, count: int
) -> PropagationResult:
    """The complete result of a painting in layers with what else it may be, from that of each layer.

    Args:
        merged: of all layers.
        layers: results of those that were propagated.
        painted: (L, K, J, I), what the others are.
        count: most candidates.
    """
    if count == 1:
        return merged
    parts = [
        layers[index].candidates if index in layers else (Candidate(layer, 1.0),) for index, layer in enumerate(painted)
    ]
    return _told(merged, joined_candidates([part for part in parts if part is not None], count))


def _told(result: PropagationResult, candidates: tuple[Candidate, ...]) -> PropagationResult:
    axis = AXIS_NAMES.index(result.report["axis"])
    report = {**result.report, "candidates": described(candidates, axis, result.box)}
    return replace(result, candidates=candidates, report=report)


def _stored(seen: np.ndarray, turned: Orientation) -> np.ndarray:
    """Labels in the stored order of axes."""
    stored = np.empty(turned.shape, seen.dtype)
    turned.view(stored)[...] = seen
    return stored
