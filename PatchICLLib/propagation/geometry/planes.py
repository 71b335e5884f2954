"""The planes on which a painting lies: slices of the volume along one axis, or along several.

Whoever paints on slices of one axis is read as ever (``axis.axes_of_slices``). Where no axis holds all of it, the plane
that explains most of what is left is peeled off until nothing is left. What cannot be told apart: a structure of up to
three slices along an axis reads as painted along that axis; a plane of which nothing but its crossing with others is
painted is none; and a few voxels beside the planes are no plane of a further axis: they count along the main axis,
where a review takes them for a slip of the brush. Planes that are declared painted always count.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.propagation.geometry.axis import AXIS_NAMES, THICKER, axes_of_slices, crosses_slices
from PatchICLLib.propagation.geometry.holding_planes import Plane, on, on_any, planes_holding
from PatchICLLib.propagation.geometry.named_slices import (
    Named,
    explicit_planes,
    named_planes,
    names_planes,
    plane_name,
)
from PatchICLLib.propagation.geometry.painted_slices import slices_by_label
from PatchICLLib.propagation.geometry.painting_review import review_masks
from PatchICLLib.propagation.geometry.sliced_volume import bounding_box, voxels_of

Box = tuple[slice, slice, slice]
_FURTHER = 0.05  # of the largest plane: what a plane of a further axis holds at least that no other explains
_DIFFERENT = 3  # voxels of a crossing line in which planes may differ, and so much of it:
_DIFFERENT_SHARE = 0.05
_DECLARED = "declared painted"


@dataclass(frozen=True)
class Contradiction:
    """Two planes that disagree where they cross. Attributes: voxels: on how many of their common line."""

    label: int
    planes: tuple[Plane, Plane]
    voxels: int

    def sentence(self, name: str) -> str:
        """What to tell of it; ``name`` is that of the label, such as "label 1"."""
        first, second = map(plane_name, self.planes)
        return (
            f"The painting of {name} on slice {first} does not fit that on slice {second} in {self.voxels} voxels "
            "where they cross: was one of them painted on a wrong slice, or not to the end?"
        )


@dataclass(frozen=True)
class PaintedPlanes:
    """On which planes a painting lies.

    Attributes:
        main: the axis of most planes, which bare numbers of slices belong to; 0 for k, 1 for j, 2 for i.
        of_label: for each label and each axis that it has planes of their indices, ascending; declared ones included.
        contradictions: of planes of different axes.
    """

    main: int
    of_label: dict[int, dict[int, tuple[int, ...]]]
    contradictions: tuple[Contradiction, ...] = ()

    @property
    def axes(self) -> tuple[int, ...]:
        """Those with planes, ascending."""
        return tuple(sorted({self.main, *(axis for planes in self.of_label.values() for axis in planes)}))


def find_planes(
    painted: np.ndarray | Sequence[np.ndarray], spacing: tuple[float, float, float], declared: Named = None
) -> PaintedPlanes:
    """Find the planes on which a painting lies.

    Args:
        painted: (K, J, I), 0 where nothing is painted, or several such layers of labels that overlap; without
            `declared` also a part of the volume that holds all that is painted. Voxels that stand for themselves make
            no plane (``evidence.Evidence.drawn`` is without them).
        spacing: (sk, sj, si) in mm.
        declared: slices that count as painted though they are empty, for all labels or for each label its own; bare
            numbers belong to the main axis.

    Raises:
        InputError: nothing is painted, the painting may lie on the slices of several axes alike, or it lies on an
            oblique plane; or a declared slice does not exist.
    """
    layers = list(painted) if isinstance(painted, Sequence) or painted.ndim == 4 else [painted]
    box = _common([bounding_box(layer) for layer in layers])
    labels = [layer[box] for layer in layers]
    places = _places_by_label(labels, box)
    if not places:
        raise InputError("Nothing is painted: paint the structure on at least one slice, on two or more if possible.")
    said = {
        label: [plane for plane in explicit_planes(declared, label, _DECLARED) if on(at, plane).any()]
        for label, at in (places if names_planes(declared, _DECLARED) else {}).items()
    }
    forced = list(dict.fromkeys(plane for planes in said.values() for plane in planes))
    every = _each_once(list(places.values()))
    main = _only_axis(every, spacing, {axis for axis, _ in forced})
    if main is not None:
        found = {
            label: [(main, box[main].start + index) for index in indices]
            for layer in labels
            for label, indices in slices_by_label(np.moveaxis(layer, main, 0)).items()
        }
    else:
        main, cover = _several_axes(every, forced, spacing)
        found = {label: planes_holding(at, said.get(label, ()), cover) for label, at in places.items()}
    for label, planes in found.items():
        planes += named_planes(declared, label, layers[0].shape, main, _DECLARED)
    of_label = {label: _by_axis(planes) for label, planes in sorted(found.items())}
    return PaintedPlanes(main, of_label, tuple(_contradictions(layers, of_label)))


def _only_axis(at: np.ndarray, spacing: tuple[float, float, float], said: set[int]) -> int | None:
    """The axis across whose slices everything lies; None where there is none.

    Args:
        at: (n, 3) voxels that are painted, each once.
        spacing: (sk, sj, si) in mm.
        said: axes of declared planes that hold something.

    Raises:
        InputError: nothing decides between several.
    """
    candidates = axes_of_slices(at, spacing)
    if said:
        candidates = [axis for axis in candidates if said == {axis}]
    if len(candidates) > 1:
        names = " or ".join(AXIS_NAMES[axis] for axis in candidates)
        raise InputError(
            f"What is painted may lie on slices along {names}: name the axis (--axis), or paint one slice more."
        )
    return candidates[0] if candidates else None


def _several_axes(
    every: np.ndarray, forced: Sequence[Plane], spacing: tuple[float, float, float]
) -> tuple[int, list[Plane]]:
    """The main axis, and planes of this and others that hold all voxels.

    Raises:
        InputError: these were not drawn on slices.
    """
    cover = planes_holding(every, forced)
    least = _FURTHER * max(int(on(every, plane).sum()) for plane in cover)
    own = {axis: every[~on_any(every, [plane for plane in cover if plane[0] != axis])] for axis in range(3)}
    large = [plane for plane in cover if plane in forced or on(own[plane[0]], plane).sum() >= least]
    axes = sorted({axis for axis, _ in large})

    def rank(axis: int) -> tuple[int, bool, int]:
        indices = sorted(index for own_axis, index in large if own_axis == axis)
        apart = 1 + int((np.diff(indices) > 1).sum())  # spill lies beside what it spilled from
        return apart, THICKER * spacing[axis] >= max(spacing[a] for a in axes), len(own[axis])

    main = max(axes, key=rank)
    cover = [plane for plane in cover if plane[0] in axes]
    held = on_any(every, cover)
    rest = every[~held]
    judged = every[held] if len(rest) < least else every  # a few voxels beside the planes say nothing of these
    cover += [(main, int(z)) for z in np.unique(rest[:, main])]
    for axis in axes:
        part = judged[~on_any(judged, [plane for plane in cover if plane[0] != axis or plane in forced])]
        if len(part) and crosses_slices(part, axis):
            raise InputError(
                "The painted voxels do not lie on slices of the volume: paint on axial, coronal or sagittal slices of "
                "the volume itself (rotate the view to the volume plane), or name the axis."
            )
    return main, cover


def _contradictions(
    layers: Sequence[np.ndarray], of_label: dict[int, dict[int, tuple[int, ...]]]
) -> Iterator[Contradiction]:
    """Planes of different axes of which one shows the structure where the other shows none, along their common line.

    That line itself holds what was painted on either. What each plane shows there is told by its lines on both sides.
    """
    for label, by_axis in of_label.items():
        if len(by_axis) < 2:
            continue
        shown = {
            (axis, index): np.logical_or.reduce([layer.take(index, axis) == label for layer in layers])
            for axis, indices in by_axis.items()
            for index in indices
        }
        kept = {
            # without spill and specks
            axis: review_masks({index: shown[axis, index] for index in indices}, layers[0].shape[axis]).context
            for axis, indices in by_axis.items()
        }
        for one, other in combinations(kept, 2):
            for index, crossing in product(kept[one], kept[other]):
                planes = (one, index), (other, crossing)
                if voxels := _differing(shown, *planes):
                    yield Contradiction(label, planes, voxels)


def _differing(masks: Mapping[Plane, np.ndarray], first: Plane, second: Plane) -> int:
    """Voxels of the common line of two planes of which they disagree; 0 if that may well be the shape."""
    shown, changes = [], [_DIFFERENT]
    for plane, across in ((first, second), (second, first)):
        lines = np.moveaxis(masks[plane], across[0] - (across[0] > plane[0]), 0)
        middle = across[1]
        if not 2 <= middle < len(lines) - 2:
            return 0
        shown.append((lines[middle - 1].astype(float) + lines[middle + 1]) / 2)
        # how much the shape changes here by itself
        changes += [int((lines[middle + side] ^ lines[middle + 2 * side]).sum()) for side in (-1, 1)]
    differing = float(np.abs(shown[0] - shown[1]).sum())
    return round(differing) if differing > max(*changes, _DIFFERENT_SHARE * max(line.sum() for line in shown)) else 0


def _places_by_label(layers: Iterable[np.ndarray], box: Box) -> dict[int, np.ndarray]:
    """(n, 3) voxels of each label, ascending, of a box."""
    found: dict[int, np.ndarray] = {}
    for layer in layers:
        at = voxels_of(layer)
        kinds = layer[tuple(at.T)]
        labels = np.unique(kinds)
        for label in labels:
            own = at if len(labels) == 1 else at[kinds == label]
            found[int(label)] = own + [span.start for span in box]
    return found


def _each_once(places: Sequence[np.ndarray]) -> np.ndarray:
    """(n, 3) voxels of any label, ascending."""
    if len(places) == 1:
        return places[0]
    every = np.concatenate(places)
    shape = tuple(every.max(0) + 1)
    return np.stack(np.unravel_index(np.unique(np.ravel_multi_index(tuple(every.T), shape)), shape), 1)


def _common(boxes: Sequence[Box]) -> Box:
    """The smallest box around several, empty ones aside."""
    filled = [box for box in boxes if box[0].start < box[0].stop] or boxes[:1]
    spans = zip(*filled, strict=True)
    k, j, i = (slice(min(s.start for s in span), max(s.stop for s in span)) for span in spans)
    return k, j, i


def _by_axis(planes: Iterable[Plane]) -> dict[int, tuple[int, ...]]:
    found: dict[int, set[int]] = {}
    for axis, index in sorted(planes):
        found.setdefault(axis, set()).add(index)
    return {axis: tuple(sorted(indices)) for axis, indices in found.items()}
