"""What earlier versions remembered of a segment: its painted slices by checksums of the propagated ones."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import vtk

from .Segments import SegmentBox, sliceRegion
from .Voxels import Plane, Voxels, changeOf, movedPlane

_EMPTY, _AFRESH = "PatchICL.EmptySlices", "PatchICL.SlicesToDrawAfresh"
EARLIER_WRITTEN, _LATTICE = "PatchICL.WrittenSlices", "PatchICL.WrittenLattice"
EARLIER_TAGS = (_EMPTY, _AFRESH, EARLIER_WRITTEN, _LATTICE)


@dataclass(frozen=True)
class EarlierMemory:
    """Attributes:
    axis: array axis of all slices.
    empty: slices that were declared to be without the structure.
    afresh: slices cleared in order to be drawn again.
    checksums: by slice, of what propagation wrote there; a slice that differs was corrected, and counts as painted.
    lattice: 4x4 matrix, row by row, of the voxels that the slices count.
    writtenLattice: of those that the checksums were taken of.
    """

    axis: int
    empty: frozenset[int]
    afresh: frozenset[int]
    checksums: dict[int, str]
    lattice: tuple[float, ...]
    writtenLattice: tuple[float, ...]

    @classmethod
    def of(cls, segment, axis: int | None, lattice: tuple[float, ...]) -> EarlierMemory | None:
        """None where such a version has noted nothing."""
        if axis is None or not any(tagOf(segment, name) for name in EARLIER_TAGS):
            return None
        written = [entry.split("=") for entry in tagOf(segment, EARLIER_WRITTEN).split(",") if entry]
        empty, afresh = (
            frozenset(int(index) for index in tagOf(segment, name).split(",") if index) for name in (_EMPTY, _AFRESH)
        )
        checksums = {int(index): checksum for index, checksum in written}
        numbers = tuple(float(number) for number in tagOf(segment, _LATTICE).split(",") if number)
        return cls(axis, empty, afresh, checksums, lattice, numbers or lattice)

    def painted(self, box: SegmentBox, lattice: tuple[float, ...]) -> set[Plane]:
        """The painted slices, those declared empty included, of a segment in the voxels of a lattice."""
        toNow, toThen = changeOf(self.lattice, lattice), changeOf(lattice, self.writtenLattice)

        def now(indices) -> set[Plane]:
            return {movedPlane((self.axis, index), toNow) for index in indices}

        axis, _index = movedPlane((self.axis, 0), toNow)
        drawn = {(axis, int(index)) for index in np.flatnonzero(box.areas(axis))}
        painted = now(self.empty)
        if self.checksums:
            written = {movedPlane((self.axis, index), toNow): text for index, text in self.checksums.items()}
            exist = {plane for plane in written if 0 <= plane[1] < box.shape[axis]}
            corrected = {plane for plane in exist if sliceChecksum(box, plane, toThen) != written[plane]}
            emptied = corrected - drawn
            painted |= drawn - written.keys()
            # A few emptied slices say "it is not here"; most of them say that the drawing was started over.
            painted |= corrected - emptied if len(emptied) > len(written) / 2 else corrected
        return painted - (now(self.afresh) - drawn) | (now(self.afresh) & drawn)


def sliceChecksum(box: SegmentBox, plane: Plane, toThen: np.ndarray) -> str:
    """Of a slice as the lattice counted it whose voxels those of the box become by a 4x4 matrix."""
    region = sliceRegion(box.shape, *plane)
    moved = Voxels((region[0].start, region[1].start, region[2].start), box.part(region)).moved(toThen)
    axis, _index = movedPlane(plane, toThen)
    order = [int(np.flatnonzero(row)[0]) for row in toThen[2::-1, 2::-1]]
    k, j, i = (1 if other == axis else box.shape[source] for other, source in enumerate(order))
    offset = tuple(0 if other == axis else first for other, first in enumerate(moved.offset))
    slab = SegmentBox((k, j, i), (offset[0], offset[1], offset[2]), moved.array).cropped().filled()
    return f"{zlib.crc32(np.packbits(slab).tobytes()):08x}"


def tagOf(segment, name: str) -> str:
    value = vtk.mutable("")
    return str(value) if segment.GetTag(name, value) else ""
