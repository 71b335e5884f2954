"""Planes of several axes, and what is learned from each: along its own axis a painted slice, along others evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from PatchICLLib.errors import InputError, NothingToFillError
from PatchICLLib.propagation.geometry.axis import AXIS_NAMES
from PatchICLLib.propagation.geometry.holding_planes import Plane, on, on_any
from PatchICLLib.propagation.geometry.named_slices import Named, named_planes, plane_name
from PatchICLLib.propagation.geometry.painting_review import PaintingReview, review_painting
from PatchICLLib.propagation.geometry.planes import PaintedPlanes
from PatchICLLib.propagation.geometry.sliced_volume import bounding_box, voxels_of

_FEW = 1 / 3  # of the planes of the main axis: an axis of so few says something near its planes alone,
_REACH = 1 / 3  # of the structure's extent away from them
_THICK = 2.0  # times the finest spacing
_TOO_THICK = (
    "Slices along {axis} are thick, and {labels} one slice of each axis: three slices along {axis} would tell more."
)
_SHORTEST = 12  # slices: along longer structures, every second slice is enough beside an axis of as many planes


@dataclass(frozen=True)
class Share:
    """What a run fills of a label beside runs along axes of as many planes or more.

    Attributes:
        reach: no slices that lie farther from a painted one than so many.
        sparse: only every second slice.
    """

    reach: float
    sparse: bool


@dataclass(frozen=True, eq=False)
class LearnedPlanes:
    """Attributes:
    reviews: for each axis, of the labels to be propagated along it, what is painted on its own planes.
    known: for each label all planes on which its painting says all.
    shares: for each axis and label what is to be filled; without an entry, all.
    """

    reviews: dict[int, dict[int, PaintingReview]]
    known: dict[int, frozenset[Plane]]
    shares: dict[int, dict[int, Share]]

    def beside(self, axis: int) -> dict[int, frozenset[Plane]]:
        """For each label the planes that are known beside the slices that are learned from along an axis."""
        reviews = self.reviews.get(axis, {})
        return {
            label: planes.difference((axis, z) for z in reviews[label].context) if label in reviews else planes
            for label, planes in self.known.items()
        }

    def too_few(self, spacing: Sequence[float]) -> list[str]:
        """What to tell of labels that are painted on one slice of each axis, where slices of an axis are thick."""
        thick = max(range(3), key=lambda axis: spacing[axis])
        if spacing[thick] < _THICK * min(spacing):
            return []
        once = [label for label, planes in self.known.items() if sorted(axis for axis, _ in planes) == [0, 1, 2]]
        named = f"label {once[0]} has" if len(once) == 1 else f"labels {', '.join(map(str, once))} have"
        return [_TOO_THICK.format(axis=AXIS_NAMES[thick], labels=named)] if once else []

    def between(self, label: int, painted: np.ndarray) -> tuple[slice, slice, slice]:
        """The box between the outermost planes of a label along each axis.

        Along an axis with a single plane it reaches as far as the planes across show the label, along one with none it
        has no end.
        """
        shown = bounding_box(painted == label)
        spans = []
        for axis, count in enumerate(painted.shape):
            review = self.reviews.get(axis, {}).get(label)
            own = () if review is None else review.context
            whole = slice(own[0], own[-1] + 1) if len(own) > 1 else slice(0, count)
            spans.append(shown[axis] if len(own) == 1 else whole)
        return spans[0], spans[1], spans[2]


def learned_planes(
    painted: np.ndarray,
    planes: PaintedPlanes,
    labels: Sequence[int],
    declared: Named = None,
    ignored: Named = None,
    use_all_slices: bool = False,
) -> LearnedPlanes:
    """Sort out the planes of a painting.

    Args:
        painted: (K, J, I) integers.
        planes: that it lies on.
        labels: that are painted on it, to be propagated.
        declared: slices that count as painted though they are empty.
        ignored: painted slices that shall give no context.
        use_all_slices: call no slice stray.

    Raises:
        InputError: a slice that does not exist or is declared and ignored, or nothing left to learn from or to do.
    """
    sorted_ = {}
    for label in labels:
        said, left_out = (
            set(named_planes(named, label, painted.shape, planes.main, what))
            for named, what in ((declared, "declared painted"), (ignored, "to be ignored"))
        )
        for plane in said & left_out:
            raise InputError(f"Slice {plane_name(plane)} is declared painted and to be ignored: choose one of both.")
        sorted_[label] = _LabelPlanes.of(painted, label, planes.of_label[label], said, left_out)
    runs = {
        axis: [label for label, one in sorted_.items() if one.has_run(axis, painted.shape[axis])] for axis in range(3)
    }
    if not any(runs.values()):
        raise NothingToFillError
    reviews = {}
    for axis, some in runs.items():
        if some:
            own = {label: sorted_[label] for label in some}
            reviews[axis] = review_painting(
                _on_own_planes(painted, axis, own),
                axis,
                some,
                {label: _along(axis, one.declared & one.learned) for label, one in own.items()},
                {label: _along(axis, one.ignored) for label, one in own.items()},
                use_all_slices,
            )
    known: dict[int, frozenset[Plane]] = {}
    shares: dict[int, dict[int, Share]] = {axis: {} for axis in reviews}
    for label, one in sorted_.items():
        stray = {(axis, z) for axis in reviews for z in (reviews[axis][label].stray if label in reviews[axis] else ())}
        known[label] = frozenset(one.known - stray)
        counts = {axis: len(reviews[axis][label].context) for axis in reviews if label in reviews[axis]}
        main = max(counts, key=lambda axis: (counts[axis], axis == planes.main, -axis), default=0)
        for axis, count in counts.items():
            if len(counts) > 1 and (axis != main or sorted(counts.values())[-2] == count):
                reach = _REACH * one.extent[axis] if count <= _FEW * counts[main] else float("inf")
                shares[axis][label] = Share(reach, one.extent[axis] >= _SHORTEST)
    return LearnedPlanes(reviews, known, shares)


@dataclass(frozen=True, eq=False)
class _LabelPlanes:
    """Attributes:
    learned: planes to learn from, as painted slices of their axis: filled, or with nothing of the label.
    filled: those of them that hold more than what was painted on planes across them.
    known: planes that are not ignored.
    declared, ignored: as the caller says.
    extent: slices from the first to the last painted one along each axis.
    """

    learned: set[Plane]
    filled: set[Plane]
    known: set[Plane]
    declared: set[Plane]
    ignored: set[Plane]
    extent: tuple[int, ...]

    @classmethod
    def of(
        cls,
        painted: np.ndarray,
        label: int,
        by_axis: dict[int, tuple[int, ...]],
        declared: set[Plane],
        ignored: set[Plane],
    ) -> _LabelPlanes:
        box = bounding_box(painted)
        at = voxels_of(painted[box] == label) + [span.start for span in box]
        every = {(axis, z) for axis, indices in by_axis.items() for z in indices}
        kept = every - ignored
        filled, learned = set(), set()
        for axis in by_axis:
            free = at[~on_any(at, [plane for plane in every if plane[0] != axis])]
            for plane in kept:
                if plane[0] == axis:
                    if on(free, plane).any():
                        filled.add(plane)
                    elif on(at, plane).any():
                        continue
                    learned.add(plane)
        if not filled and any(on(at, plane).any() for plane in ignored & every):
            raise InputError(f"All slices on which label {label} is painted are to be ignored: leave at least one.")
        extent = tuple(int(n) for n in np.ptp(at, axis=0) + 1)
        return cls(learned, filled, kept, declared, ignored, extent)

    def has_run(self, axis: int, depth: int) -> bool:
        """Whether something can be learned and filled along an axis of so many slices."""
        return any(plane[0] == axis for plane in self.filled) and len(_along(axis, self.learned)) < depth


def _on_own_planes(painted: np.ndarray, axis: int, labels: dict[int, _LabelPlanes]) -> np.ndarray:
    """What is painted of labels on their own planes of an axis alone."""
    own = np.zeros_like(painted)
    seen, drawn = np.moveaxis(painted, axis, 0), np.moveaxis(own, axis, 0)
    for label, one in labels.items():
        for z in _along(axis, one.learned | one.ignored):
            np.copyto(drawn[z], seen[z], where=seen[z] == label)
    return own


def _along(axis: int, planes: Iterable[Plane]) -> list[int]:
    return sorted(z for own, z in planes if own == axis)
