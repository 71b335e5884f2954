"""A set of voxels that can be kept as a short text: what a segment held, what was decided voxel by voxel."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .Segments import SegmentBox, boxOfVoxels, reordered, sliceRegion

Plane = tuple[int, int]  # array axis (0 = k, 1 = j, 2 = i) and index of a slice
Region = tuple[slice, slice, slice]  # of a volume, along k, j, i
_NOWHERE = (0, 0, 0)  # the shape of no volume in particular


@dataclass(frozen=True)
class Voxels:
    """Attributes: offset: place (k, j, i) of the first voxel, which may lie beyond a volume; array: bool, (k, j, i)."""

    offset: tuple[int, int, int]
    array: np.ndarray

    @classmethod
    def of(cls, box: SegmentBox) -> Voxels | None:
        """The voxels of a box without empty margins, None where there are none."""
        filled = boxOfVoxels(box.voxels)
        if filled is None:
            return None
        k, j, i = (int(first + part.start) for first, part in zip(box.offset, filled, strict=True))
        return cls((k, j, i), box.voxels[filled])

    @classmethod
    def none(cls) -> Voxels:
        """A set without voxels, other than none known."""
        return cls((0, 0, 0), np.zeros((1, 1, 1), bool))

    @property
    def region(self) -> Region:
        k, j, i = (slice(first, first + count) for first, count in zip(self.offset, self.array.shape, strict=True))
        return k, j, i

    @staticmethod
    @lru_cache(maxsize=4)
    def fromText(text: str) -> Voxels:
        offset, shape, content = text.split(" ")
        k, j, i = (int(number) for number in offset.split(","))
        counts = [int(number) for number in shape.split(",")]
        bits = np.frombuffer(zlib.decompress(base64.b64decode(content)), np.uint8)
        array = np.unpackbits(bits, count=int(np.prod(counts))).reshape(counts).view(bool)
        array.flags.writeable = False  # shared by all who ask
        return Voxels((k, j, i), array)

    def toText(self) -> str:
        """Some tens of kilobytes for a large organ; without the characters that separate tags in a file."""
        content = base64.b64encode(zlib.compress(np.packbits(self.array).tobytes(), 6)).decode()
        numbers = (",".join(map(str, values)) for values in (self.offset, self.array.shape))
        return " ".join([*numbers, content])

    def moved(self, change: np.ndarray) -> Voxels:
        """The same voxels as another volume counts them; `change` is a 4x4 matrix of whole numbers for (i, j, k)."""
        array, (k, j, i) = reordered(self.array, self.offset, change)
        return Voxels((k, j, i), array)

    def replaced(self, region: Region, voxels: np.ndarray) -> Voxels | None:
        """The same, but these voxels in a region."""
        own, new = SegmentBox(_NOWHERE, self.offset, self.array), boxAt(_NOWHERE, region, voxels)
        filled = Voxels.of(new)
        whole = covering(own, *(() if filled is None else (SegmentBox(_NOWHERE, filled.offset, filled.array),)))
        array = own.part(whole)
        array[within(region, whole)] = new.voxels[within(whole, region)]
        return Voxels.of(boxAt(_NOWHERE, whole, array))

    def within(self, shape: tuple[int, int, int]) -> SegmentBox:
        """What of them lies in a volume."""
        return SegmentBox(shape, self.offset, self.array).cropped()


def noVoxels(shape: tuple[int, int, int]) -> SegmentBox:
    return SegmentBox(shape, (0, 0, 0), np.zeros((0, 0, 0), bool))


def covering(*boxes: SegmentBox) -> Region:
    """The smallest region that holds all boxes that have voxels; of no extent where none has."""
    regions = [box.region for box in boxes if box.voxels.size]
    return around(*regions) if regions else (slice(0, 0), slice(0, 0), slice(0, 0))


def around(*regions: Region) -> Region:
    k, j, i = (
        slice(min(part.start for part in parts), max(part.stop for part in parts))
        for parts in zip(*regions, strict=True)
    )
    return k, j, i


def boxAt(shape: tuple[int, int, int], region: Region, voxels: np.ndarray) -> SegmentBox:
    k, j, i = (part.start for part in region)
    return SegmentBox(shape, (k, j, i), voxels)


def differing(one: SegmentBox, other: SegmentBox) -> SegmentBox:
    """Voxels that belong to one of two boxes alone."""
    region = covering(one, other)
    return boxAt(one.shape, region, one.part(region) ^ other.part(region))


def united(*boxes: SegmentBox) -> SegmentBox:
    region = covering(*boxes)
    voxels = boxes[0].part(region)
    for box in boxes[1:]:
        voxels |= box.part(region)
    return boxAt(boxes[0].shape, region, voxels)


def filledBox(shape: tuple[int, int, int], region: Region) -> SegmentBox:
    return boxAt(shape, region, np.ones([part.stop - part.start for part in region], bool))


def without(box: SegmentBox, regions: Iterable[Region]) -> SegmentBox:
    """A copy of a box with nothing in these regions."""
    voxels = box.voxels.copy()
    for region in regions:
        voxels[within(region, box.region)] = False
    return boxAt(box.shape, box.region, voxels)


def within(region: Region, frame: Region) -> Region:
    """The part of a region that lies in a frame, counted from there."""
    k, j, i = (
        slice(max(part.start - own.start, 0), max(min(part.stop, own.stop) - own.start, 0))
        for part, own in zip(region, frame, strict=True)
    )
    return k, j, i


def changeOf(before, now) -> np.ndarray:
    """4x4 matrix of whole numbers from the voxels (i, j, k) of one lattice to those of another."""
    return np.round(np.linalg.solve(np.reshape(now, (4, 4)), np.reshape(before, (4, 4))))


def movedPlane(plane: Plane, change: np.ndarray) -> Plane:
    """The slice as another lattice counts it."""
    axis, index = plane
    direction = change[:3, 2 - axis]
    row = int(np.argmax(np.abs(direction)))
    return 2 - row, int(direction[row] * index + change[row, 3])


def movedRegion(region: Region, change: np.ndarray) -> Region:
    ends = np.array([(part.start, part.stop - 1) for part in region[::-1]])
    ends = (change[:3, :3] @ ends + change[:3, 3:]).astype(int)
    k, j, i = (
        slice(int(first), int(last) + 1) for first, last in zip(ends.min(1)[::-1], ends.max(1)[::-1], strict=True)
    )
    return k, j, i


def stillDrawn(box: SegmentBox, whole: set[Plane], shown: Iterable[Plane]) -> set[Plane]:
    """Slices that a preview is of, without those emptied since, on which only what other axes' slices show is left."""
    planes = whole | set(shown)

    def isDrawn(plane: Plane) -> bool:
        slab = sliceRegion(box.shape, *plane)
        crossing = [sliceRegion(box.shape, *other) for other in planes if other[0] != plane[0]]
        return not without(boxAt(box.shape, slab, box.part(slab)), crossing).isEmpty

    return {plane for plane in shown if isDrawn(plane)}
