"""What a propagation is going to do, found out and checked without a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.propagation.cancel import CancelToken
from PatchICLLib.propagation.geometry.axis import AXIS_NAMES, crosses_slices, thickest_axis
from PatchICLLib.propagation.geometry.evidence import Evidence
from PatchICLLib.propagation.geometry.gaps import Gap, find_gaps
from PatchICLLib.propagation.geometry.named_slices import Named, refuse_other_axes, slices_along
from PatchICLLib.propagation.geometry.orientation import Orientation
from PatchICLLib.propagation.geometry.painted_slices import check_label_count
from PatchICLLib.propagation.geometry.painting_review import PaintingReview, review_painting
from PatchICLLib.propagation.geometry.planes import find_planes
from PatchICLLib.propagation.geometry.region_limit import RegionLimit
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume, check_volumes
from PatchICLLib.propagation.geometry.whole_numbers import whole_numbers
from PatchICLLib.propagation.layers import layers_to_propagate, with_gaps
from PatchICLLib.propagation.options import PropagationOptions

CONTEXT_SIZE = 5
_CROSSED = (
    "Much of the painting crosses slices along {axis}, as if drawn on those of another axis; all of these count as "
    "painted."
)

Steps = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Plan:
    """The work on one layer of a painting.

    Attributes:
        options: as asked for, the axis found.
        spacing: (sk, sj, si) in mm.
        reviews: for each label what is painted, in slices as the caller counts them.
        volume: image and painting as the engine sees them.
        painted: for each label the slices to learn from, as the engine counts them; none of labels that are known from
            other subjects alone.
        region: that nothing beyond is labelled of; None for the whole volume.
        inspected: slices whose logits are asked for, as the engine counts them.
        extent: slices that may be filled of labels that are not painted, as the engine counts them.
        jobs: label and gap, for every gap to fill.
        warnings: sentences on what is painted oddly.
    """

    options: PropagationOptions
    spacing: Steps
    reviews: dict[int, PaintingReview]
    volume: SlicedVolume
    painted: dict[int, tuple[int, ...]]
    region: RegionLimit | None
    inspected: frozenset[int]
    extent: range
    jobs: tuple[tuple[int, Gap], ...]
    warnings: tuple[str, ...]

    @property
    def axis(self) -> int:
        return self.volume.axis

    @property
    def orientation(self) -> Orientation:
        return self.volume.orientation

    @property
    def slices(self) -> int:
        """How many slices are to be filled, over all labels."""
        return sum(len(gap.slices) for _, gap in self.jobs)

    def wanted(self, label: int) -> list[int]:
        """Slices to be filled of a label, ascending, as the engine counts them."""
        if self.painted[label]:
            return sorted(z for owner, gap in self.jobs if owner == label for z in gap.slices)
        return list(self.extent)

    @classmethod
    def of(
        cls,
        image: np.ndarray,
        painted: np.ndarray,
        spacing: Steps,
        options: PropagationOptions,
        unpainted: Sequence[int] = (),
        evidence: Evidence | None = None,
    ) -> Plan:
        """The plan for one label map, (K, J, I), labels that are not painted on it, and what else is known of it.

        Raises:
            InputError: nothing to propagate, or options that do not fit the volume.
        """
        drawn = painted if evidence is None else evidence.drawn(painted)
        is_painted = not unpainted or bool(drawn.any())
        axis = options.axis
        if axis is None:
            axis = _only_axis(drawn, spacing, options) if is_painted else thickest_axis(spacing)
        for named, what in _named(options):
            refuse_other_axes(named, axis, what)
        depth = image.shape[axis]
        if not isinstance(options.extent, str) and options.extent[1] >= depth:
            raise InputError(f"The extent {options.extent} goes beyond the last slice, {depth - 1}.")
        for index in options.logits_slices:
            if not 0 <= index < depth:
                raise InputError(f"There is no slice {index} to give the logits of: the last slice is {depth - 1}.")
        labels = options.labels
        if labels is not None and unpainted:
            labels = [label for label in labels if label not in unpainted]
        reviews = {}
        if is_painted and (labels is None or len(labels) or not unpainted):
            declared, ignored = (slices_along(named, axis, axis, what) for named, what in _named(options))
            reviews = review_painting(drawn, axis, labels, declared, ignored, options.use_all_slices)
        volume = SlicedVolume.along(axis, image, painted, spacing, evidence)
        turned = volume.orientation
        context = {
            label: tuple(sorted(turned.slice_index(z) for z in review.context)) for label, review in reviews.items()
        }
        context |= dict.fromkeys(unpainted, ())
        extent = options.extent
        if not isinstance(extent, str):
            first, last = sorted(turned.slice_index(z) for z in extent)
            extent = (first, last)
        region = None if options.region is None else RegionLimit.of(options.region, turned)
        jobs = []
        for label, slices in context.items():
            if not slices:
                continue
            filled = [z for z in slices if (volume.painted[z] == label).any()]
            gaps = find_gaps(slices, filled, len(volume.image), options.context_size or CONTEXT_SIZE, extent)
            jobs += [(label, gap) for gap in (gaps if region is None else region.limited(gaps))]
        inspected = frozenset(turned.slice_index(int(index)) for index in options.logits_slices)
        first, last = (0, depth - 1) if isinstance(extent, str) else extent
        if region is not None:
            first, last = max(first, region.box[0].start), min(last, region.box[0].stop - 1)
        whole = replace(options, axis=axis)
        warnings = [text for label, review in reviews.items() for text in review.sentences(f"label {label}")]
        if options.axis is not None and is_painted and crosses_slices(drawn, axis):
            warnings.insert(0, _CROSSED.format(axis=AXIS_NAMES[axis]))
        return cls(
            whole,
            spacing,
            reviews,
            volume,
            context,
            region,
            inspected,
            range(first, last + 1),
            tuple(jobs),
            tuple(warnings),
        )


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
    check_label_count(layers, options.labels, options.most_labels)
    told = [None] * len(layers) if evidence is None else evidence.layers(layers)
    drawn = [layer if one is None else one.drawn(layer) for layer, one in zip(layers, told, strict=True)]
    steps = (float(spacing[0]), float(spacing[1]), float(spacing[2]))
    wanted = set(known if options.labels is None else whole_numbers(options.labels, "The labels"))
    unpainted = [label for label in known if label in wanted and not any((layer == label).any() for layer in drawn)]
    if not layered:
        return {0: Plan.of(image, painted, steps, options, unpainted, told[0])}
    axis, plans = options.axis, {}
    if any(layer.any() for layer in drawn) or not unpainted:
        painted_only = options
        if options.labels is not None:
            painted_only = replace(options, labels=[label for label in options.labels if label not in unpainted])
        held = layers_to_propagate(drawn, painted_only)
        axis = _only_axis(drawn, steps, options) if axis is None else axis
        plans = {layer.index: layer.labels for layer in with_gaps(drawn, held, axis)}
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
        )
        for index, labels in plans.items()
    }


def _only_axis(painted: np.ndarray | Sequence[np.ndarray], spacing: Steps, options: PropagationOptions) -> int:
    return find_planes(painted, spacing, options.painted_slices).only_axis()


def _named(options: PropagationOptions) -> tuple[tuple[Named, str], tuple[Named, str]]:
    """Slices that are named, with what they are."""
    return (options.painted_slices, "declared painted"), (options.ignore_slices, "to be ignored")
