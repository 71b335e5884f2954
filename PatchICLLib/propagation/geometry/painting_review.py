"""Which painted slices a propagation can learn from, and which of them hardly were painted on purpose.

A stray slice gives no context; its painted voxels stay. There are two kinds of stray slices:

* the spill of a sphere brush onto the slices beside a painted one: parts of it that shrink alike on both sides;
* specks: far fewer voxels than the painted slices beside them.

The first and the last slice of a structure may be small, and so may its waist, where somebody who paints every tenth
slice comes upon it. Slices at equal distances, and slices that were declared painted, are therefore never specks.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from PatchICLLib.propagation.geometry.named_slices import Declared
from PatchICLLib.propagation.geometry.painted_slices import declared_slices, painted_slices

_CAP, _MIRRORED_CAP = 0.1, 0.8  # of the slice that it spilled from: a cap, and one that is the same on either side
_FULL = 20  # voxels: smaller slices spill nothing that could be told apart
_ALIKE = 3.0  # times as many voxels: another speck, perhaps of the same slip
_WAIST, _END = 0.03, 0.003  # of the voxels expected from the slices beside: a speck between them, and beyond them
_NEAR, _NEAR_END = 2, 0.02  # slices beyond an outermost one where a structure can't have become so small yet
_ONE_VOXEL = 2.0  # single voxels are specks at so much larger shares
_SHORTEST = 8  # slices: shorter structures are painted from end to end sooner than at equal distances
_THIN, _THIN_SHARE = 2.5, 0.03  # voxels from the edge of a stroke to its middle, at most; share of what it encloses
_HOLE = 0.5  # of what an outline encloses that is empty
_SMALLEST_OUTLINE = 25  # voxels enclosed: smaller rings may be drawn in full
_WIDE, _COVERED, _THINNER = 0.6, 0.25, 0.25  # a scribble's width, area and stroke, compared with a filled slice


@dataclass(frozen=True)
class PaintingReview:
    """What is painted of one label, by slices in ascending order.

    Attributes:
        painted: slices that hold the label or were declared painted, without those to be ignored.
        stray: those of them that give no context.
        doubtful: those that do, though hardly anything is painted on them.
        outlines: those on which a contour was drawn and not filled.
        scribbles: those on which strokes cross a structure that is filled on others.
        ignored: slices that hold the label and are to be ignored.
    """

    painted: tuple[int, ...]
    stray: tuple[int, ...] = ()
    doubtful: tuple[int, ...] = ()
    outlines: tuple[int, ...] = ()
    scribbles: tuple[int, ...] = ()
    ignored: tuple[int, ...] = ()

    @property
    def context(self) -> tuple[int, ...]:
        """Slices to learn from."""
        return tuple(z for z in self.painted if z not in self.stray)

    @property
    def without_context(self) -> tuple[int, ...]:
        """Slices with voxels of the label that are not learned from."""
        return tuple(sorted({*self.stray, *self.ignored}))

    def sentences(self, name: str) -> list[str]:
        """What to tell of it; ``name`` is that of the label, such as "label 1"."""
        found = []
        if self.stray:
            found.append(
                f"{_on_slices(self.stray)} so little of {name} is painted, compared with other slices, that it is "
                "taken for a slip of the brush: it stays and is not learned from (--use-all-slices overrules this)."
            )
        if self.doubtful:
            found.append(
                f"{_on_slices(self.doubtful)} hardly anything of {name} is painted: if that was by accident, erase it, "
                "or ignore it with --ignore-slices."
            )
        if self.outlines:
            found.append(
                f"The painting of {name} {_on_slices(self.outlines).lower()} is an outline: fill it, unless the "
                "structure is a wall."
            )
        if self.scribbles:
            found.append(
                f"The painting of {name} {_on_slices(self.scribbles).lower()} looks like a scribble: paint the whole "
                "cross-section."
            )
        return found


def review_painting(
    painted: np.ndarray,
    axis: int,
    labels: Sequence[int] | None = None,
    declared: Declared = None,
    ignored: Declared = None,
    use_all_slices: bool = False,
) -> dict[int, PaintingReview]:
    """Review a painting.

    Args:
        painted: (K, J, I) integers or bool.
        axis: slicing axis, 0 for k, 1 for j, 2 for i.
        labels: labels to review; None for all.
        declared: slices that count as painted though they are empty, for all labels or for each label its own.
        ignored: painted slices that shall give no context, for all labels or for each label its own.
        use_all_slices: call no slice stray.

    Returns:
        For each label its review.

    Raises:
        InputError: see ``painted_slices``.
    """
    along = np.moveaxis(painted, axis, 0)
    found = {}
    for label, slices in painted_slices(along, labels, declared, ignored).items():
        masks = {z: along[z] == label for z in slices}
        named = declared_slices(declared, label, len(along), "declared painted")
        review = review_masks(masks, len(along), named, use_all_slices)
        holding = [z for z in declared_slices(ignored, label, len(along), "to be ignored") if (along[z] == label).any()]
        found[label] = replace(review, ignored=tuple(sorted(set(holding))))
    return found


def review_masks(
    masks: Mapping[int, np.ndarray], depth: int, declared: Collection[int] = (), use_all_slices: bool = False
) -> PaintingReview:
    """Review the painting of one label.

    Args:
        masks: (H, W) bool of each painted slice, whole slices or the same part of each; may be empty.
        depth: number of slices of the volume.
        declared: slices that were declared painted.
        use_all_slices: call no slice stray.
    """
    drawn = {z: mask for z, mask in sorted(masks.items()) if mask.any()}
    areas = {z: int(np.count_nonzero(mask)) for z, mask in drawn.items()}
    painted = tuple(sorted({*masks, *declared}))
    stray: set[int] = set()
    doubtful: set[int] = set()
    if not use_all_slices:
        stray = _spills(drawn, areas, depth).difference(declared)
        if stray:
            areas = {z: area for z, area in areas.items() if z not in stray}
        rest = [z for z in painted if z not in stray]
        specks = _specks(areas).difference(declared)
        if not equally_spaced(rest):
            stray |= specks
        doubtful = specks - stray
    kept = {z: mask for z, mask in drawn.items() if z not in stray}
    outlines = {z for z, mask in kept.items() if _is_outline(mask)}
    scribbles = _scribbles({z: mask for z, mask in kept.items() if z not in outlines})
    return PaintingReview(painted, *(tuple(sorted(part)) for part in (stray, doubtful, outlines, scribbles)))


def equally_spaced(slices: Sequence[int]) -> bool:
    """Whether ascending slices lie at equal distances, but for rounding, over a structure of at least eight slices."""
    count = len(slices)
    if count < 2:
        return True
    if slices[-1] - slices[0] <= _SHORTEST * (count - 1) / count - 1:
        return False
    places = np.asarray(slices)
    first, second = np.triu_indices(count, 1)
    apart, steps = places[second] - places[first], second - first
    # rounded down, places of a distance s differ by less than 1 from a multiple of s: is there such an s?
    return bool(((apart - 1) / steps).max() < ((apart + 1) / steps).min())


def _spills(masks: Mapping[int, np.ndarray], areas: Mapping[int, int], depth: int) -> set[int]:
    """Slices beside a painted one that hold shrinking parts of it, on both sides unless more was painted there."""
    found: set[int] = set()
    for middle, area in areas.items():
        if area < _FULL:
            continue
        for side in (-1, 1):
            index = middle + side
            while index in masks and _shrinks(masks, index, side):
                opposite = 2 * middle - index
                if 0 <= opposite < depth and (opposite not in masks or (masks[index] & ~masks[opposite]).any()):
                    break
                mirrored = areas.get(opposite) == areas[index]
                if areas[index] <= area * (_MIRRORED_CAP if mirrored else _CAP):
                    found.add(index)
                index += side
    return found


def _shrinks(masks: Mapping[int, np.ndarray], index: int, side: int) -> bool:
    """Whether a slice is a part of the one before it on the way from the middle, or of those on both sides of it."""
    inner, outer = masks[index - side], masks.get(index + side)
    covered = inner if outer is None else inner | outer
    return bool(np.count_nonzero(masks[index]) < np.count_nonzero(inner) and not (masks[index] & ~covered).any())


def _specks(areas: Mapping[int, int]) -> set[int]:
    """Slices with far fewer voxels than those beside them let expect."""
    found = set()
    for index, area in areas.items():
        larger = [z for z in areas if areas[z] > _ALIKE * area]
        before = max((z for z in larger if z < index), default=None)
        after = min((z for z in larger if z > index), default=None)
        if before is not None and after is not None:
            widths = [math.sqrt(areas[before]), math.sqrt(areas[after])]
            expected, share = float(np.interp(index, [before, after], widths)) ** 2, _WAIST
        elif (beside := after if before is None else before) is not None:
            expected, share = float(areas[beside]), _NEAR_END if abs(index - beside) <= _NEAR else _END
        else:
            continue
        if area <= expected * share * (_ONE_VOXEL if area == 1 else 1):
            found.add(index)
    return found


def _is_outline(mask: np.ndarray) -> bool:
    """Whether most of what is painted encloses much more than it covers, in strokes of even, small width."""
    mask = _cropped(mask)
    area = np.count_nonzero(mask)
    if area > mask.size * (1 - _HOLE) or mask.size < _SMALLEST_OUTLINE:
        return False
    enclosed = ndimage.binary_fill_holes(mask)
    whole = np.count_nonzero(enclosed)
    if whole - area < max(_HOLE * whole, _SMALLEST_OUTLINE):
        return False
    return _stroke(mask) <= max(_THIN, _THIN_SHARE * math.sqrt(whole))


def _scribbles(masks: Mapping[int, np.ndarray]) -> set[int]:
    """Thin strokes about as wide as the nearest slice's painting is, of which they cover little."""
    found = set()
    cropped = {z: _cropped(mask) for z, mask in masks.items()}
    for index, part in cropped.items():
        others = [z for z in cropped if z != index]
        if not others:
            break
        other = cropped[min(others, key=lambda z: (abs(z - index), z))]
        wide = all(length >= _WIDE * whole for length, whole in zip(part.shape, other.shape, strict=True))
        covers_little = np.count_nonzero(part) < _COVERED * np.count_nonzero(other)
        if wide and covers_little and _stroke(part) <= min(_THIN, _THINNER * _stroke(other)):
            found.add(index)
    return found


def _stroke(mask: np.ndarray) -> float:
    """Half the width of what is painted where it is widest, in voxels."""
    return float(ndimage.distance_transform_edt(np.pad(mask, 1)).max())


def _cropped(mask: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _on_slices(indices: Iterable[int]) -> str:
    *others, last = [str(index) for index in indices]
    return f"On slices {', '.join(others)} and {last}" if others else f"On slice {last}"
