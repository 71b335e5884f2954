"""What is given to a propagation, checked, and the plans for its layers."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from PatchICLLib.propagation.cancel import CancelToken
from PatchICLLib.propagation.geometry.evidence import Evidence
from PatchICLLib.propagation.geometry.named_slices import refuse_other_axes
from PatchICLLib.propagation.geometry.painted_slices import check_label_count
from PatchICLLib.propagation.geometry.planes import find_planes
from PatchICLLib.propagation.geometry.sliced_volume import check_volumes
from PatchICLLib.propagation.geometry.whole_numbers import whole_numbers
from PatchICLLib.propagation.layers import layers_to_propagate, with_gaps, with_open_planes
from PatchICLLib.propagation.options import PropagationOptions
from PatchICLLib.propagation.plan import Plan


def plan_propagation(
    image: np.ndarray,
    painted: np.ndarray,
    spacing: Sequence[float],
    options: PropagationOptions,
    cancel: CancelToken | None = None,
    known: Sequence[int] = (),
    evidence: Evidence | None = None,
) -> dict[int, Plan]:
    """Check what a propagation is given, and say what it will do.

    Args:
        image: (K, J, I) real numbers.
        painted: (K, J, I) integers, or (L, K, J, I) for labels that overlap.
        spacing: (sk, sj, si) in mm.
        options: of the propagation.
        cancel: token that stops it.
        known: labels that are known from other subjects, painted or not; those that are not lie in the first layer.
        evidence: what is known beside painted slices.

    Returns:
        For each layer that holds something to propagate its plan, all along one axis.

    Raises:
        InputError: something is wrong with the input; the message says what to do.
        Cancelled: it was stopped.
    """
    layered = isinstance(painted, np.ndarray) and painted.ndim == 4 and len(painted) > 0
    layers = list(painted) if layered else [painted]
    for layer in layers:
        check_volumes(image, layer, spacing)  # type: ignore[arg-type]
        if cancel is not None:
            cancel.raise_if_cancelled()
    if options.axis is not None:
        for named, what in options.named:
            refuse_other_axes(named, options.axis, what)
    check_label_count(layers, options.labels, options.most_labels)
    told = [None] * len(layers) if evidence is None else evidence.layers(layers)
    drawn = [layer if one is None else one.drawn(layer) for layer, one in zip(layers, told, strict=True)]
    steps = (float(spacing[0]), float(spacing[1]), float(spacing[2]))
    wanted = set(known if options.labels is None else whole_numbers(options.labels, "The labels"))
    unpainted = [label for label in known if label in wanted and not any((layer == label).any() for layer in drawn)]
    if not layered:
        return {0: Plan.of(image, painted, steps, options, unpainted, told[0])}
    axis, plans, planes = options.axis, {}, None
    if any(layer.any() for layer in drawn) or not unpainted:
        painted_only = options
        if options.labels is not None:
            painted_only = replace(options, labels=[label for label in options.labels if label not in unpainted])
        held = layers_to_propagate(drawn, painted_only)
        if axis is None:
            planes = find_planes(drawn, steps, options.painted_slices)
            axis = planes.main if len(planes.axes) == 1 else None
        if axis is None:
            assert planes is not None
            held = with_open_planes(held, planes.of_label, image.shape)
        else:
            held = with_gaps(drawn, held, axis)
        plans = {layer.index: layer.labels for layer in held}
    if unpainted:
        plans = {0: (*plans.get(0, ()), *unpainted), **{index: plans[index] for index in plans if index}}
    return {
        index: Plan.of(
            image,
            painted[index],
            steps,
            replace(options, axis=axis, labels=labels),
            unpainted if index == 0 else (),
            told[index],
            planes,
        )
        for index, labels in plans.items()
    }
