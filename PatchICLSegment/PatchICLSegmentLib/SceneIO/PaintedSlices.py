"""Which slices of a segment the user painted: by looking at the voxels and at what is remembered on the segment."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
import vtk

from PatchICLLib.errors import InputError

from ..Errors import SceneError
from ..Translation import ofLibrary
from .Lattice import volumeToSegmentation
from .Segments import SegmentBox
from .Volumes import AXIS_NAMES, gridOfVolume

_TAGS = {
    "empty": "PatchICL.EmptySlices",
    "excluded": "PatchICL.ExcludedSlices",
    "trusted": "PatchICL.TrustedSlices",
    "afresh": "PatchICL.SlicesToDrawAfresh",
    "axis": "PatchICL.Axis",
    "written": "PatchICL.WrittenSlices",
    "lattice": "PatchICL.Lattice",
    "writtenLattice": "PatchICL.WrittenLattice",
}


@dataclass(frozen=True)
class SegmentMemory:
    """What is known of a segment beyond its voxels. Lives in the segment's tags: saved with it, undone with it.

    Attributes:
        axis: array axis of the slices (0 = k, 1 = j, 2 = i), None before the first declaration or propagation.
        empty: slices that the user declared to be without the structure.
        excluded: painted slices that shall not serve as context.
        trusted: slices that serve as context though they look as if they were painted by accident.
        afresh: slices cleared in order to be drawn again; ignored while they are empty.
        written: slice index -> checksum of what propagation wrote there. A slice that differs was corrected.
        lattice: 4x4 matrix, row by row, from the voxels that the slices count to the segmentation's coordinates; empty
            where that was not noted.
        writtenLattice: the same of the voxels that the checksums were taken of.
    """

    axis: int | None = None
    empty: frozenset[int] = frozenset()
    excluded: frozenset[int] = frozenset()
    trusted: frozenset[int] = frozenset()
    afresh: frozenset[int] = frozenset()
    written: tuple[tuple[int, str], ...] = ()
    lattice: tuple[float, ...] = ()
    writtenLattice: tuple[float, ...] = ()

    @classmethod
    def of(cls, segment) -> SegmentMemory:
        """As it was noted; see `memoryOf` for the slices of a volume."""
        axisName = _tag(segment, "axis")
        written = [entry.split("=") for entry in _tag(segment, "written").split(",") if entry]
        return cls(
            axis=AXIS_NAMES.index(axisName) if axisName in AXIS_NAMES else None,
            empty=_indices(_tag(segment, "empty")),
            excluded=_indices(_tag(segment, "excluded")),
            trusted=_indices(_tag(segment, "trusted")),
            afresh=_indices(_tag(segment, "afresh")),
            written=tuple((int(index), checksum) for index, checksum in written),
            lattice=_numbers(_tag(segment, "lattice")),
            writtenLattice=_numbers(_tag(segment, "writtenLattice")),
        )

    def store(self, segment) -> None:
        texts = {
            "axis": "" if self.axis is None else AXIS_NAMES[self.axis],
            "empty": _listed(self.empty),
            "excluded": _listed(self.excluded),
            "trusted": _listed(self.trusted),
            "afresh": _listed(self.afresh),
            "written": ",".join(f"{index}={checksum}" for index, checksum in self.written),
            "lattice": ",".join(repr(number) for number in self.lattice),
            "writtenLattice": ",".join(repr(number) for number in self.writtenLattice),
        }
        for name, text in texts.items():
            if text:
                segment.SetTag(_TAGS[name], text)
            else:
                segment.RemoveTag(_TAGS[name])

    def withSlice(self, name: str, index: int, present: bool) -> SegmentMemory:
        """The same with one index added to, or taken from, `empty`, `excluded`, `trusted` or `afresh`."""
        indices = getattr(self, name)
        return replace(self, **{name: indices | {index} if present else indices - {index}})

    def counting(self, lattice: np.ndarray) -> SegmentMemory:
        """The same, counting the slices of another volume whose voxels are the same in another order or place.

        What propagation wrote is known only where the voxels are in the same order.
        """
        now = tuple(lattice.ravel().tolist())
        change = _change(self.lattice or now, now)
        if self.axis is None or (change == np.eye(4)).all():
            return replace(self, lattice=now)
        direction = change[:3, 2 - self.axis]
        row = int(np.argmax(np.abs(direction)))

        def moved(index: int) -> int:
            return int(direction[row] * index + change[row, 3])

        isSame = (change[:3, :3] == np.eye(3)).all()
        indices = {name: getattr(self, name) for name in ("empty", "excluded", "trusted", "afresh")}
        return SegmentMemory(
            axis=2 - row,
            written=tuple((moved(index), checksum) for index, checksum in self.written) if isSame else (),
            lattice=now,
            writtenLattice=self.writtenLattice or self.lattice,
            **{name: frozenset(moved(index) for index in kept) for name, kept in indices.items()},
        )

    def moveOfWritten(self) -> tuple[int, int, int]:
        """By how many voxels (k, j, i) what was written lay elsewhere when its checksums were taken."""
        if not self.lattice or not self.writtenLattice:
            return (0, 0, 0)
        k, j, i = (-int(step) for step in _change(self.writtenLattice, self.lattice)[2::-1, 3])
        return k, j, i


class Remark(Enum):
    """What strikes one about a painted slice, see `PatchICLLib.propagation.geometry.painting_review`.

    STRAY: so little is painted that it was a slip of the brush: no context, and what is missing is filled in.
    DOUBTFUL: hardly more is painted. OUTLINE: a contour that is not filled. SCRIBBLE: strokes across a structure.
    """

    NONE = "none"
    STRAY = "stray"
    DOUBTFUL = "doubtful"
    OUTLINE = "outline"
    SCRIBBLE = "scribble"


@dataclass(frozen=True)
class PaintedSlice:
    """One row of the table of painted slices. `area` counts voxels; 0 where the user declared the slice empty."""

    index: int
    area: int
    declaredEmpty: bool
    isContext: bool
    remark: Remark = Remark.NONE

    @property
    def isStray(self) -> bool:
        return self.remark is Remark.STRAY


def memoryOf(segmentationNode, segmentId: str, volumeNode) -> SegmentMemory:
    """What is remembered of a segment, in the slices of a volume."""
    memory = SegmentMemory.of(segmentationNode.GetSegmentation().GetSegment(segmentId))
    toSegmentation = volumeToSegmentation(segmentationNode, volumeNode)
    if toSegmentation is None:
        return memory
    return memory.counting(toSegmentation @ gridOfVolume(volumeNode).ijkToLocal)


def axisOfPainting(box: SegmentBox, spacing: tuple[float, float, float]) -> int | None:
    """The axis across which a segment was painted, as the library finds it; None where there is nothing.

    Raises:
        SceneError: the painting lies on the slices of no axis, or on slices of several.
    """
    if box.isEmpty:
        return None
    from PatchICLLib.propagation.geometry.planes import find_planes  # here, for the panel opens without SciPy too

    try:
        return find_planes(box.voxels, spacing).only_axis()
    except InputError as error:
        raise SceneError(ofLibrary(str(error))) from error


def paintedSlices(box: SegmentBox, memory: SegmentMemory, axis: int, useAllSlices: bool = False) -> list[PaintedSlice]:
    """The painted slices of a segment in ascending order, the declared-empty ones included.

    Args:
        useAllSlices: no slice is stray.
    """
    areas = box.areas(axis)
    written = {index: checksum for index, checksum in memory.written if 0 <= index < len(areas)}
    written = written if memory.axis == axis else {}
    painted = {int(index) for index in np.flatnonzero(areas)} - written.keys()
    then = box if not written else box.movedInPlane(axis, memory.moveOfWritten())
    corrected = {index for index, checksum in written.items() if sliceChecksum(then, axis, index) != checksum}
    emptied = {index for index in corrected if not areas[index]}
    # A few emptied slices say "it is not here"; most of them say that the drawing was started over.
    painted |= corrected - emptied if len(emptied) > len(written) / 2 else corrected
    if memory.axis in (None, axis):
        painted |= memory.empty
        drawn = {index for index in memory.afresh if 0 <= index < len(areas) and areas[index]}
        painted = (painted | drawn) - (memory.afresh - drawn)
    painted = {index for index in painted if 0 <= index < len(areas)}
    remarks = _remarks(box, axis, painted, memory, useAllSlices)
    return [
        PaintedSlice(
            index=index,
            area=int(areas[index]),
            declaredEmpty=not areas[index],
            isContext=index not in memory.excluded and remarks.get(index) is not Remark.STRAY,
            remark=remarks.get(index, Remark.NONE),
        )
        for index in sorted(painted)
    ]


def _remarks(box: SegmentBox, axis: int, painted, memory: SegmentMemory, useAllSlices: bool) -> dict[int, Remark]:
    """By slice, of those that serve as context; the library has the rules."""
    first, count = box.offset[axis], box.voxels.shape[axis]
    wanted = painted - memory.excluded
    masks = {index: np.take(box.voxels, index - first, axis=axis) for index in wanted if first <= index < first + count}
    if not masks:
        return {}
    from PatchICLLib.propagation.geometry.painting_review import (
        review_masks,
    )  # here, for the panel opens without SciPy too

    declared = {index for index in wanted if index not in masks or not masks[index].any()} | (memory.trusted & wanted)
    review = review_masks(masks, box.shape[axis], declared, useAllSlices)
    found = {Remark.DOUBTFUL: review.doubtful, Remark.SCRIBBLE: review.scribbles, Remark.OUTLINE: review.outlines}
    found[Remark.STRAY] = review.stray
    return {index: remark for remark, indices in found.items() for index in indices}


def sliceChecksum(box: SegmentBox, axis: int, index: int) -> str:
    """Changes when any voxel of the slice changes."""
    return f"{zlib.crc32(np.packbits(box.plane(axis, index)).tobytes()):08x}"


def sliceChecksums(box: SegmentBox, axis: int) -> dict[int, str]:
    """Of every slice that is not empty, by its index."""
    return {int(index): sliceChecksum(box, axis, index) for index in np.flatnonzero(box.areas(axis))}


def _tag(segment, name: str) -> str:
    value = vtk.mutable("")
    return str(value) if segment.GetTag(_TAGS[name], value) else ""


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(number) for number in text.split(",") if number)


def _change(before, now) -> np.ndarray:
    """4x4 matrix of whole numbers from the voxels of one lattice to those of another."""
    return np.round(np.linalg.solve(np.reshape(now, (4, 4)), np.reshape(before, (4, 4))))


def _indices(text: str) -> frozenset[int]:
    return frozenset(int(index) for index in text.split(",") if index)


def _listed(indices: Iterable[int]) -> str:
    return ",".join(str(index) for index in sorted(indices))
