"""What is known of a segment beyond its voxels, in the segment's tags: saved with it, undone with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from .EarlierMemory import EARLIER_TAGS, EARLIER_WRITTEN, EarlierMemory, tagOf
from .Lattice import volumeToSegmentation
from .Segments import SegmentBox, sliceRegion
from .Volumes import AXIS_NAMES, gridOfVolume
from .Voxels import Plane, Region, Voxels, changeOf, covering, movedPlane, movedRegion

_TAGS = {
    "axis": "PatchICL.Axis",
    "planes": "PatchICL.Planes",
    "excluded": "PatchICL.ExcludedSlices",
    "trusted": "PatchICL.TrustedSlices",
    "written": "PatchICL.Written",
    "known": "PatchICL.Known",
    "lattice": "PatchICL.Lattice",
}


@dataclass(frozen=True)
class SegmentMemory:
    """Attributes:
    axis: main axis of the slices, None before the first declaration or propagation.
    planes: painted slices as of the last Apply, and those declared to be without the structure; with the region in
        which a corrected slice counts as painted, None where all of it does.
    excluded: painted slices that shall not serve as context.
    trusted: slices that serve as context though they look as if they were painted by accident.
    written: what the segment held after the last Apply. What differs was painted, corrected or erased since.
    known: further voxels that stay as they were then.
    lattice: 4x4 matrix, row by row, from the voxels that all this counts to the segmentation's coordinates; empty
        where that was not noted.
    """

    axis: int | None = None
    planes: Mapping[Plane, Region | None] = field(default_factory=dict)
    excluded: frozenset[Plane] = frozenset()
    trusted: frozenset[Plane] = frozenset()
    written: Voxels | None = None
    known: Voxels | None = None
    lattice: tuple[float, ...] = ()

    @classmethod
    def of(cls, segment) -> SegmentMemory:
        """As it was noted; see `memoryOf` for the voxels of a volume."""
        axisName = tagOf(segment, _TAGS["axis"])
        axis = AXIS_NAMES.index(axisName) if axisName in AXIS_NAMES else None
        return cls(
            axis=axis,
            planes=dict(_planeAndRegion(entry, axis) for entry in _entries(segment, "planes")),
            excluded=frozenset(_planeAndRegion(entry, axis)[0] for entry in _entries(segment, "excluded")),
            trusted=frozenset(_planeAndRegion(entry, axis)[0] for entry in _entries(segment, "trusted")),
            written=_voxels(segment, "written"),
            known=_voxels(segment, "known"),
            lattice=tuple(float(number) for number in _entries(segment, "lattice")),
        )

    def store(self, segment) -> None:
        texts = {
            "axis": "" if self.axis is None else AXIS_NAMES[self.axis],
            "planes": ",".join(
                _told(plane, region) for plane, region in sorted(self.planes.items(), key=lambda item: item[0])
            ),
            "excluded": _listed(self.excluded),
            "trusted": _listed(self.trusted),
            "written": self.written.toText() if self.written is not None else "",
            "known": self.known.toText() if self.known is not None else "",
            "lattice": ",".join(repr(number) for number in self.lattice),
        }
        for name in EARLIER_TAGS:
            segment.RemoveTag(name)
        for name, text in texts.items():
            if text:
                segment.SetTag(_TAGS[name], text)
            else:
                segment.RemoveTag(_TAGS[name])

    def wholePlanes(self, shape) -> set[Plane]:
        return {plane for plane, region in self.planes.items() if region is None and _exists(plane, shape)}

    def corrected(self, shape) -> dict[Plane, Region]:
        """Slices that count as painted inside a region only, as far as that lies in a volume."""
        volume = tuple((0, count) for count in shape)
        found = {}
        for plane, region in self.planes.items():
            if region is not None and _exists(plane, shape):
                k, j, i = (
                    slice(max(part.start, first), min(part.stop, stop))
                    for part, (first, stop) in zip(region, volume, strict=True)
                )
                if all(part.start < part.stop for part in (k, j, i)):
                    found[plane] = (k, j, i)
        return found

    def withPlane(self, name: str, plane: Plane, present: bool) -> SegmentMemory:
        """The same with one slice added to, or taken from, `excluded` or `trusted`."""
        planes = getattr(self, name)
        return replace(self, **{name: planes | {plane} if present else planes - {plane}})

    def declaring(self, plane: Plane) -> SegmentMemory:
        """The same, with a slice that counts as painted in all, whatever is on it."""
        return replace(self, planes={**self.planes, plane: None})

    def forgetting(self, plane: Plane, box: SegmentBox) -> SegmentMemory:
        """The same, knowing nothing of a slice: what a segment holds there now counts as written, not as painted."""
        memory = replace(self, planes={other: region for other, region in self.planes.items() if other != plane})
        memory = memory.withPlane("excluded", plane, False).withPlane("trusted", plane, False)
        region = sliceRegion(box.shape, *plane)
        there = box.part(region)
        return replace(
            memory,
            known=self.known and self.known.replaced(region, np.zeros_like(there)),
            written=self.written and (self.written.replaced(region, there) or Voxels.none()),
        )

    def overwritten(self, taken: SegmentBox, now: SegmentBox) -> SegmentMemory:
        """The same, where something else than the user changed voxels of the segment."""
        if self.written is None:
            return self
        before = self.written.within(now.shape)
        region = covering(before, taken)
        voxels = np.where(taken.part(region), now.part(region), before.part(region))
        return replace(self, written=self.written.replaced(region, voxels) or Voxels.none())

    def counting(self, lattice: np.ndarray) -> SegmentMemory:
        """The same, counting another volume's voxels, which are the same in another order or place."""
        now = tuple(lattice.ravel().tolist())
        change = changeOf(self.lattice or now, now)
        if (change == np.eye(4)).all():
            return replace(self, lattice=now)
        return SegmentMemory(
            axis=None if self.axis is None else movedPlane((self.axis, 0), change)[0],
            planes={
                movedPlane(plane, change): None if region is None else movedRegion(region, change)
                for plane, region in self.planes.items()
            },
            excluded=frozenset(movedPlane(plane, change) for plane in self.excluded),
            trusted=frozenset(movedPlane(plane, change) for plane in self.trusted),
            written=self.written and self.written.moved(change),
            known=self.known and self.known.moved(change),
            lattice=now,
        )


def memoryOf(segmentationNode, segmentId: str, volumeNode, box: SegmentBox) -> SegmentMemory:
    """What is remembered of a segment, in the slices of a volume; `box` holds the segment's voxels there."""
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId)
    noted = SegmentMemory.of(segment)
    toSegmentation = volumeToSegmentation(segmentationNode, volumeNode)
    if toSegmentation is None:
        return noted
    memory = noted.counting(toSegmentation @ gridOfVolume(volumeNode).ijkToLocal)
    earlier = EarlierMemory.of(segment, noted.axis, noted.lattice or memory.lattice)
    if earlier is None:
        return memory
    planes = dict.fromkeys(earlier.painted(box, memory.lattice))
    return replace(memory, planes=planes, written=(Voxels.of(box) or Voxels.none()) if earlier.checksums else None)


def holdsPropagated(segment) -> bool:
    """Whether a preview was applied to a segment."""
    return any(tagOf(segment, name) for name in (_TAGS["written"], EARLIER_WRITTEN))


def _planeAndRegion(entry: str, axis: int | None) -> tuple[Plane, Region | None]:
    """Of "k=3", or "k=3@0..20x5..9x3..4" in a region, or of a bare number, a slice of the main axis."""
    name, _sign, rest = entry.rpartition("=")
    index, _at, region = rest.partition("@")
    plane = (AXIS_NAMES.index(name) if name else axis or 0), int(index)
    if not region:
        return plane, None
    k, j, i = (slice(*(int(number) for number in span.split(".."))) for span in region.split("x"))
    return plane, (k, j, i)


def _told(plane: Plane, region: Region | None = None) -> str:
    axis, index = plane
    text = f"{AXIS_NAMES[axis]}={index}"
    return text if region is None else f"{text}@{'x'.join(f'{part.start}..{part.stop}' for part in region)}"


def _listed(planes: Iterable[Plane]) -> str:
    return ",".join(_told(plane) for plane in sorted(planes))


def _entries(segment, name: str) -> list[str]:
    return [entry for entry in tagOf(segment, _TAGS[name]).split(",") if entry]


def _voxels(segment, name: str) -> Voxels | None:
    text = tagOf(segment, _TAGS[name])
    return Voxels.fromText(text) if text else None


def _exists(plane: Plane, shape) -> bool:
    return 0 <= plane[1] < shape[plane[0]]
