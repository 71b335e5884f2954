"""Which slices of a segment the user painted: by looking at the voxels and at what is remembered on the segment."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Protocol

import numpy as np

from PatchICLLib.errors import InputError

from ..Errors import SceneError
from ..Translation import ofLibrary
from .SegmentMemory import SegmentMemory
from .Segments import SegmentBox, sliceRegion
from .Voxels import Plane, Region, Voxels, around, boxAt, differing, noVoxels, stillDrawn, within, without


class Remark(Enum):
    """What strikes one about a painted slice, see `PatchICLLib.propagation.geometry.painting_review`.

    STRAY: so little is painted that it was a slip of the brush: no context, and what is missing is filled in.
    DOUBTFUL: hardly more is painted. OUTLINE: a contour that is not filled. SCRIBBLE: strokes across a structure.
    CORRECTED: painted or erased in a part of the slice, of what a propagation had left there.
    """

    NONE = "none"
    STRAY = "stray"
    DOUBTFUL = "doubtful"
    OUTLINE = "outline"
    SCRIBBLE = "scribble"
    CORRECTED = "corrected"


@dataclass(frozen=True)
class PaintedSlice:
    """One row of the table of painted slices.

    Attributes:
        axis: array axis of the slice, 0 = k, 1 = j, 2 = i.
        area: voxels of the segment on it; 0 where the user declared the slice empty.
        region: where it counts as painted: all of the slice, or what surrounds a correction.
        isContext: it takes part in a propagation.
    """

    axis: int
    index: int
    area: int
    region: Region
    isContext: bool
    remark: Remark = Remark.NONE

    @property
    def plane(self) -> Plane:
        return self.axis, self.index

    @property
    def isStray(self) -> bool:
        return self.remark is Remark.STRAY

    @property
    def isWhole(self) -> bool:
        return self.remark is not Remark.CORRECTED

    @property
    def declaredEmpty(self) -> bool:
        return self.isWhole and not self.area


class Shown(Protocol):
    """What a preview proposes for a segment. Attributes: axis: of its slices; planes: painted when its run began."""

    @property
    def axis(self) -> int: ...

    @property
    def planes(self) -> Collection[Plane]: ...

    def part(self, region: Region) -> np.ndarray: ...


@dataclass(frozen=True)
class Drawing:
    """What the user painted of a segment.

    Attributes:
        axis: main axis of the slices, None where there are none.
        slices: painted ones, by axis and index.
        known: further voxels that are as the user left them.
        contradictions: pairs of slices that do not fit each other where they cross.
    """

    axis: int | None
    slices: tuple[PaintedSlice, ...]
    known: SegmentBox
    contradictions: tuple[tuple[Plane, Plane], ...] = ()


@dataclass
class _Found:
    """Slices that count as painted, in all or in a region; the rest as of `Drawing`."""

    axis: int | None
    whole: set[Plane]
    corrected: dict[Plane, Region]
    contradictions: tuple[tuple[Plane, Plane], ...] = ()


def planesByAxis(box: SegmentBox, spacing: tuple[float, float, float]) -> dict[int, tuple[int, ...]]:
    """The slices on which a segment was painted, as the library finds them.

    Raises:
        SceneError: the painting lies on no slices.
    """
    found = _planesOf(box, spacing).of_label.get(1, {})
    return {axis: tuple(int(index + box.offset[axis]) for index in indices) for axis, indices in found.items()}


def drawingOf(
    box: SegmentBox,
    memory: SegmentMemory,
    spacing: tuple[float, float, float],
    shown: Shown | None = None,
    useAllSlices: bool = False,
) -> Drawing:
    """What of a segment the user painted, corrected or erased: each voxel that is not as it was written.

    A slice counts as painted in all if what was touched on it reaches around everything that it shows of the segment;
    else within the box of what was touched. Of a preview over which was painted half has to be within.

    Args:
        shown: the preview for the segment, if one is open.
        useAllSlices: no slice is stray.

    Raises:
        SceneError: nothing was propagated yet, and the painting lies on no slices.
    """
    memory = _startedOver(memory, box)
    written = noVoxels(box.shape) if memory.written is None else memory.written.within(box.shape)
    whole = memory.wholePlanes(box.shape)
    if shown is not None:
        whole |= stillDrawn(box, whole, shown.planes)
    axis = memory.axis if shown is None else shown.axis
    found = _Found(axis, whole, memory.corrected(box.shape))
    _judge(found, box, written, memory, spacing, shown)
    rows = _rows(box, found, memory, useAllSlices)
    known = noVoxels(box.shape) if memory.known is None else memory.known.within(box.shape)
    return Drawing(
        _mainAxis(found), rows, without(known, [row.region for row in rows if not row.isStray]), found.contradictions
    )


def _startedOver(memory: SegmentMemory, box: SegmentBox) -> SegmentMemory:
    """A few slices that were emptied say "it is not here"; most of them say that the drawing was started over."""
    if memory.written is None or memory.axis is None:
        return memory
    before = memory.written.within(box.shape).areas(memory.axis) > 0
    before[[index for axis, index in memory.wholePlanes(box.shape) if axis == memory.axis]] = False
    emptied = before & (box.areas(memory.axis) == 0)
    if emptied.sum() <= before.sum() / 2:
        return memory
    held = (memory.written.within(box.shape), box)
    declared = [plane for plane in memory.wholePlanes(box.shape) if not any(one.plane(*plane).any() for one in held)]
    return replace(memory, written=None, known=None, planes=dict.fromkeys(declared))


def _judge(found: _Found, box: SegmentBox, written: SegmentBox, memory: SegmentMemory, spacing, shown) -> None:
    """Adds the slices on which something was touched."""
    isFirst = memory.written is None and shown is None
    slabs = [sliceRegion(box.shape, *plane) for plane in found.whole]
    touched = box if isFirst else without(differing(box, written), [*slabs, *found.corrected.values()])
    if touched.isEmpty:
        return
    planes = _touchedPlanes(found, touched, spacing, isFirst)
    rest = touched.voxels.copy()
    remaining = boxAt(touched.shape, touched.region, rest)
    for plane in sorted(planes, key=lambda plane: -int(touched.plane(*plane).sum())):
        slab = sliceRegion(box.shape, *plane)
        region = _boxOfPart(remaining, slab)
        if region is None:
            continue
        if plane in found.corrected:
            region = around(region, found.corrected[plane])
        if plane in found.whole or isFirst or _isWhole(plane, region, found, box, written, shown):
            found.whole.add(plane)
            found.corrected.pop(plane, None)
        else:
            found.corrected[plane] = region
        rest[within(slab, touched.region)] = False


def _touchedPlanes(found: _Found, touched: SegmentBox, spacing, isFirst: bool) -> list[Plane]:
    try:
        painted = _planesOf(touched, spacing)
    except SceneError:
        if isFirst or found.axis is None:
            raise
        # Corrections need no slices of their own: those of the main axis that they cross will do.
        return [_placed((found.axis, int(index)), touched) for index in np.flatnonzero(touched.occupied(found.axis))]
    if isFirst or found.axis is None:
        found.axis = painted.main
    if isFirst:
        pairs = (one.planes for one in painted.contradictions)
        found.contradictions = tuple((_placed(one, touched), _placed(other, touched)) for one, other in pairs)
    slices = painted.of_label.get(1, {}).items()
    return [_placed((axis, index), touched) for axis, indices in slices for index in indices]


def _isWhole(plane: Plane, region: Region, found: _Found, box: SegmentBox, written: SegmentBox, shown) -> bool:
    """Whether a region of a slice holds everything there, but for what other slices painted in all show of theirs."""
    slab = sliceRegion(box.shape, *plane)

    def outside(voxels: np.ndarray) -> tuple[int, int]:
        for axis, index in found.whole:
            if axis != plane[0]:
                voxels[(slice(None),) * axis + (index,)] = False
        total = np.count_nonzero(voxels)
        voxels[within(region, slab)] = False
        return total, np.count_nonzero(voxels)

    if outside(box.part(slab) | written.part(slab))[1]:
        return False
    proposed, beyond = outside(shown.part(slab)) if shown is not None else (0, 0)
    return 2 * beyond <= proposed


def _mainAxis(found: _Found) -> int | None:
    """That of the last propagation, or of the most slices where it has none any more."""
    counts = [sum(own == axis for own, _index in found.whole) for axis in range(3)]
    if not any(counts) or found.axis is not None and counts[found.axis]:
        return found.axis
    return int(np.argmax(counts))


def _rows(box: SegmentBox, found: _Found, memory: SegmentMemory, useAllSlices: bool) -> tuple[PaintedSlice, ...]:
    rows = []
    for axis in sorted({axis for axis, _index in found.whole}):
        indices, areas = {index for other, index in found.whole if other == axis}, box.areas(axis)
        remarks = _remarks(box, axis, indices, memory, useAllSlices)
        for index in indices:
            remark = remarks.get(index, Remark.NONE)
            isContext = (axis, index) not in memory.excluded and remark is not Remark.STRAY
            region = sliceRegion(box.shape, axis, index)
            rows.append(PaintedSlice(axis, index, int(areas[index]), region, isContext, remark))
    for plane, region in found.corrected.items():
        area = int(np.count_nonzero(box.part(region)))
        rows.append(PaintedSlice(*plane, area, region, plane not in memory.excluded, Remark.CORRECTED))
    return tuple(sorted(rows, key=lambda row: row.plane))


def _remarks(box: SegmentBox, axis: int, painted, memory: SegmentMemory, useAllSlices: bool) -> dict[int, Remark]:
    """By slice, of those that serve as context; the library has the rules."""
    first, count = box.offset[axis], box.voxels.shape[axis]
    wanted = {index for index in painted if (axis, index) not in memory.excluded}
    masks = {index: np.take(box.voxels, index - first, axis=axis) for index in wanted if first <= index < first + count}
    if not masks:
        return {}
    from PatchICLLib.propagation.geometry.painting_review import (
        review_masks,
    )  # here, for the panel opens without SciPy too

    declared = {index for index in wanted if index not in masks or not masks[index].any()}
    declared |= {index for index in wanted if (axis, index) in memory.trusted}
    review = review_masks(masks, box.shape[axis], declared, useAllSlices)
    found = {Remark.DOUBTFUL: review.doubtful, Remark.SCRIBBLE: review.scribbles, Remark.OUTLINE: review.outlines}
    found[Remark.STRAY] = review.stray
    return {index: remark for remark, indices in found.items() for index in indices}


def _planesOf(box: SegmentBox, spacing: tuple[float, float, float]):
    try:
        return _found(np.packbits(box.voxels).tobytes(), box.voxels.shape, spacing)
    except InputError as error:
        raise SceneError(ofLibrary(str(error))) from error


@lru_cache(maxsize=4)  # after a stroke the panel asks several times
def _found(bits: bytes, shape: tuple[int, int, int], spacing: tuple[float, float, float]):
    from PatchICLLib.propagation.geometry.planes import find_planes  # here, for the panel opens without SciPy too

    voxels = np.unpackbits(np.frombuffer(bits, np.uint8), count=int(np.prod(shape))).reshape(shape)
    return find_planes(voxels, spacing)


def _placed(plane: Plane, box: SegmentBox) -> Plane:
    """The slice of a volume that is one of the box's own."""
    axis, index = plane
    return axis, int(index + box.offset[axis])


def _boxOfPart(box: SegmentBox, slab: Region) -> Region | None:
    """Around what a box has in a slab, None where that is nothing."""
    filled = Voxels.of(boxAt(box.shape, slab, box.part(slab)))
    return None if filled is None else filled.region
