"""What a propagation is going to do, found out and checked without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.propagation.geometry.axis import AXIS_NAMES, crosses_slices, thickest_axis
from PatchICLLib.propagation.geometry.evidence import Evidence
from PatchICLLib.propagation.geometry.gaps import Gap, find_gaps
from PatchICLLib.propagation.geometry.holding_planes import Plane
from PatchICLLib.propagation.geometry.learned_planes import LearnedPlanes, Share, learned_planes
from PatchICLLib.propagation.geometry.named_slices import named_planes, slices_along
from PatchICLLib.propagation.geometry.orientation import Orientation
from PatchICLLib.propagation.geometry.painted_slices import wanted_labels
from PatchICLLib.propagation.geometry.painting_review import PaintingReview, review_painting
from PatchICLLib.propagation.geometry.planes import PaintedPlanes, find_planes
from PatchICLLib.propagation.geometry.region_limit import RegionLimit
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume, voxels_of
from PatchICLLib.propagation.options import PropagationOptions

CONTEXT_SIZE = 5
_CROSSED = (
    "Much of the painting crosses slices along {axis}, as if drawn on those of another axis; all of these count as "
    "painted."
)

_ACROSS = (
    "There are {what} of slices along {axis} alone, so none of what is painted only across these (labels {labels}): "
    "paint it on one of them, or name its axis."
)

Steps = tuple[float, float, float]
Box = tuple[slice, slice, slice]


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
        planes: where it was painted on slices of several axes, for each label all planes, as stored, that it is known
            on.
        runs: then the plans along these axes, whose slices are fused along the axis of this one; each learns from its
            own planes and knows of the others. Jobs are those of all runs. Empty: this plan is the only one.
        sparse: labels of which such a run fills every second slice alone.
        limits: where several runs fill what is between painted slices alone, for each label the box, as stored.
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
    planes: Mapping[int, frozenset[Plane]] = field(default_factory=dict)
    runs: tuple[Plan, ...] = ()
    sparse: frozenset[int] = frozenset()
    limits: Mapping[int, Box] = field(default_factory=dict)

    @property
    def axis(self) -> int:
        return self.volume.axis

    @property
    def orientation(self) -> Orientation:
        return self.volume.orientation

    @property
    def slices(self) -> int:
        """How many slices are to be filled, over all labels and runs."""
        return sum(len(gap.slices) for _, gap in self.jobs)

    @property
    def painted_planes(self) -> dict[int, dict[int, tuple[int, ...]]]:
        """For each painted label and axis, as stored, the slices to learn from, ascending."""
        if not self.runs:
            return {label: {self.axis: review.context} for label, review in self.reviews.items()}
        return {
            label: {axis: tuple(sorted(z for a, z in planes if a == axis)) for axis in sorted({a for a, _ in planes})}
            for label, planes in self.planes.items()
        }

    def asked(self, label: int) -> frozenset[int]:
        """Slices of a label's gaps, as the engine counts them."""
        return frozenset(z for owner, gap in self.jobs if owner == label for z in gap.slices)

    def wanted(self, label: int) -> list[int]:
        """Slices to be filled of a label, ascending, as the engine counts them."""
        return sorted(self.asked(label)) if self.painted[label] else list(self.extent)

    @classmethod
    def of(
        cls,
        image: np.ndarray,
        painted: np.ndarray,
        spacing: Steps,
        options: PropagationOptions,
        unpainted: Sequence[int] = (),
        evidence: Evidence | None = None,
        planes: PaintedPlanes | None = None,
    ) -> Plan:
        """The plan for one label map, (K, J, I), labels that are not painted on it, and what else is known of it.

        ``planes`` are those of all layers; None to find those of this one, if no axis is given.

        Raises:
            InputError: nothing to propagate, or options that do not fit the volume.
        """
        drawn = painted if evidence is None else evidence.drawn(painted)
        is_painted = not unpainted or bool(drawn.any())
        axis, labels = options.axis, options.labels
        if axis is None and is_painted:
            planes = planes or find_planes(drawn, spacing, options.painted_slices)
            axis = planes.main
        elif axis is None:
            axis = thickest_axis(spacing) if planes is None else planes.main
        depth = image.shape[axis]
        if not isinstance(options.extent, str) and options.extent[1] >= depth:
            raise InputError(f"The extent {options.extent} goes beyond the last slice, {depth - 1}.")
        for index in options.logits_slices:
            if not 0 <= index < depth:
                raise InputError(f"There is no slice {index} to give the logits of: the last slice is {depth - 1}.")
        evidence = _with_empty_planes(evidence, unpainted, options, image.shape, axis)
        if labels is not None and unpainted:
            labels = [label for label in labels if label not in unpainted]
        is_reviewed = is_painted and (labels is None or len(labels) or not unpainted)
        if planes is not None and len(planes.axes) > 1 and is_reviewed:
            wanted = wanted_labels(labels, planes.of_label)
            learned = learned_planes(
                drawn, planes, wanted, options.painted_slices, options.ignore_slices, options.use_all_slices
            )
            return cls._along_several(image, painted, spacing, options, unpainted, evidence, planes, learned)
        reviews = {}
        if is_reviewed:
            declared, ignored = (slices_along(named, axis, axis, what) for named, what in options.named)
            reviews = review_painting(drawn, axis, labels, declared, ignored, options.use_all_slices)
        for label in reviews:
            for named, what in options.named:
                named_planes(named, label, image.shape, axis, what)  # those of other axes exist at least
        plan = cls._along(axis, image, painted, spacing, options, reviews, unpainted, evidence)
        if options.axis is not None and is_painted and crosses_slices(voxels_of(drawn), axis):
            plan = replace(plan, warnings=(_CROSSED.format(axis=AXIS_NAMES[axis]), *plan.warnings))
        return plan

    @classmethod
    def _along(
        cls,
        axis: int,
        image: np.ndarray,
        painted: np.ndarray,
        spacing: Steps,
        options: PropagationOptions,
        reviews: dict[int, PaintingReview],
        unpainted: Sequence[int],
        evidence: Evidence | None,
        shares: Mapping[int, Share] | None = None,
        limits: Mapping[int, Box] | None = None,
    ) -> Plan:
        """A plan along one axis; of labels in ``shares`` only some slices are filled, of others within ``limits``."""
        volume = SlicedVolume.along(axis, image, painted, spacing, evidence)
        turned, depth = volume.orientation, image.shape[axis]
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
            span = turned.seen_box(limits[label])[0] if limits else None
            ends = extent if span is None else (span.start, span.stop - 1)
            gaps = find_gaps(slices, filled, len(volume.image), options.context_size or CONTEXT_SIZE, ends)
            share = None if shares is None else shares.get(label)
            if share is not None:
                gaps = [some for gap in gaps if (some := gap.reduced(share.reach, share.sparse)).slices]
            jobs += [(label, gap) for gap in (gaps if region is None else region.limited(gaps))]
        inspected = frozenset(turned.slice_index(int(index)) for index in options.logits_slices)
        first, last = (0, depth - 1) if isinstance(extent, str) else extent
        if region is not None:
            first, last = max(first, region.box[0].start), min(last, region.box[0].stop - 1)
        return cls(
            replace(options, axis=axis),
            spacing,
            reviews,
            volume,
            context,
            region,
            inspected,
            range(first, last + 1),
            tuple(jobs),
            tuple(text for label, review in reviews.items() for text in review.sentences(f"label {label}")),
            sparse=frozenset(label for label, share in (shares or {}).items() if share.sparse),
        )

    @classmethod
    def _along_several(
        cls,
        image: np.ndarray,
        painted: np.ndarray,
        spacing: Steps,
        options: PropagationOptions,
        unpainted: Sequence[int],
        evidence: Evidence | None,
        planes: PaintedPlanes,
        learned: LearnedPlanes,
    ) -> Plan:
        """A run along each axis that something is learned from, that along the main axis first."""
        main, known = planes.main, evidence or Evidence()
        # what belongs to slices of the main axis is not asked for along others
        across = replace(
            options,
            extent=options.extent if isinstance(options.extent, str) else "auto",
            logits_slices=(),
            outputs=frozenset(options.outputs) - {"selections"},
        )

        def along(axis: int, of_label: Mapping[int, frozenset[Plane]], own: PropagationOptions) -> Plan:
            reviews, alone = learned.reviews.get(axis, {}), unpainted if axis == main else ()
            told, shares = replace(known, planes={**known.planes, **of_label}), learned.shares.get(axis)
            return cls._along(axis, image, painted, spacing, own, reviews, alone, told, shares, limits)

        limits = None
        if options.extent == "painted":
            drawn = painted if evidence is None else evidence.drawn(painted)
            limits = {label: learned.between(label, drawn) for label in learned.known}

        axes = sorted({*learned.reviews, *([main] if unpainted else [])}, key=lambda axis: (axis != main, axis))
        runs = tuple(along(axis, learned.beside(axis), options if axis == main else across) for axis in axes)
        whole = along(main, learned.known, options)
        sentences = [one.sentence(f"label {one.label}") for one in planes.contradictions if one.label in learned.known]
        sentences += _without_main(main, options, learned) + learned.too_few(spacing)
        for run in runs:
            before = "" if run.axis == main else f"Along {AXIS_NAMES[run.axis]}: "
            sentences += [before + text for text in run.warnings]
        return replace(
            whole,
            reviews={label: whole.reviews.get(label, PaintingReview(())) for label in learned.known},
            painted={label: whole.painted.get(label, ()) for label in (*learned.known, *unpainted)},
            jobs=tuple(job for run in runs for job in run.jobs),
            warnings=tuple(sentences),
            planes=learned.known,
            runs=runs,
            limits=limits or {},
        )


def _with_empty_planes(
    evidence: Evidence | None, unpainted: Sequence[int], options: PropagationOptions, shape: Sequence[int], axis: int
) -> Evidence | None:
    """What is known, with planes declared painted of labels that are painted on none: there they are not."""
    named, what = options.named[0]
    planes = {label: frozenset(named_planes(named, label, shape, axis, what)) for label in unpainted}
    planes = {label: declared for label, declared in planes.items() if declared}
    return replace(evidence or Evidence(), planes=planes) if planes else evidence


def _without_main(main: int, options: PropagationOptions, learned: LearnedPlanes) -> list[str]:
    """What to tell of labels that are painted across the slices of the main axis alone."""
    labels = ", ".join(str(label) for label in learned.known if label not in learned.reviews.get(main, {}))
    asked = ("selections", "selections" in options.outputs), ("logits", len(options.logits_slices) > 0)
    what = " and ".join(name for name, is_asked in asked if is_asked)
    return [_ACROSS.format(what=what, axis=AXIS_NAMES[main], labels=labels)] if labels and what else []
