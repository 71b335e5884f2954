"""Segments on the grid of a volume: as boxes of voxels, and back as one undo step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import slicer
import slicer.util
import vtk
from vtk.util import numpy_support

from .Lattice import binaryLabelmap, demandVoxelsOf, imageToVolume
from .Volumes import gridOfVolume


def addSegmentation(volumeNode, name: str):
    """Adds a segmentation without segments that lies on the voxels of a volume, wherever that is moved to now."""
    node = volumeNode.GetScene().AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    # In this order: the grid is that of the volume as seen from under the transform.
    node.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
    node.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
    return node


@dataclass(frozen=True)
class SegmentBox:
    """The voxels of a segment, cropped to where it is.

    Attributes:
        shape: number of voxels of the whole volume along k, j, i.
        offset: index (k, j, i) of the first voxel of the box in the volume.
        voxels: bool, (k, j, i), may have no voxels at all.
    """

    shape: tuple[int, int, int]
    offset: tuple[int, int, int]
    voxels: np.ndarray

    @property
    def isEmpty(self) -> bool:
        return not self.voxels.any()

    @property
    def region(self) -> tuple[slice, slice, slice]:
        return tuple(slice(first, first + count) for first, count in zip(self.offset, self.voxels.shape, strict=True))

    def part(self, region: tuple[slice, slice, slice]) -> np.ndarray:
        """A copy of a part of the volume, bool, (k, j, i)."""
        part = np.zeros([max(wanted.stop - wanted.start, 0) for wanted in region], bool)
        here, there = [], []
        for wanted, own in zip(region, self.region, strict=True):
            first, stop = max(wanted.start, own.start), max(min(wanted.stop, own.stop), wanted.start, own.start)
            here.append(slice(first - wanted.start, stop - wanted.start))
            there.append(slice(first - own.start, stop - own.start))
        part[tuple(here)] = self.voxels[tuple(there)]
        return part

    def plane(self, axis: int, index: int) -> np.ndarray:
        """One whole slice of the volume, bool, in the order of the two other array axes."""
        return self.part(sliceRegion(self.shape, axis, index)).squeeze(axis)

    def cropped(self) -> SegmentBox:
        """What of it lies in the volume."""
        keep = tuple(
            slice(max(-first, 0), max(count - first, 0)) for first, count in zip(self.offset, self.shape, strict=True)
        )
        k, j, i = (max(first, 0) for first in self.offset)
        return SegmentBox(self.shape, (k, j, i), self.voxels[keep])

    def areas(self, axis: int) -> np.ndarray:
        """Number of voxels in every slice of the volume along an axis."""
        areas = np.zeros(self.shape[axis], np.int64)
        others = tuple(other for other in range(3) if other != axis)
        areas[self.region[axis]] = self.voxels.sum(axis=others)
        return areas

    def occupied(self, axis: int) -> np.ndarray:
        """Which slices of the box, from its first one on, have voxels."""
        return self.voxels.any(axis=tuple(other for other in range(3) if other != axis))

    def filled(self) -> np.ndarray:
        """The whole volume, bool, (K, J, I)."""
        volume = np.zeros(self.shape, bool)
        volume[self.region] = self.voxels
        return volume


def sliceRegion(shape: tuple[int, int, int], axis: int, index: int) -> tuple[slice, slice, slice]:
    k, j, i = (slice(index, index + 1) if other == axis else slice(0, count) for other, count in enumerate(shape))
    return k, j, i


def readSegment(segmentationNode, segmentId: str, volumeNode) -> SegmentBox:
    """Voxels of a segment that are voxels of a volume; what lies beyond the volume is left out.

    Raises:
        NoVoxelsError, OtherGridError: its voxels are not those of the volume; nothing is ever resampled.
    """
    return readUnion(segmentationNode, [segmentId], volumeNode)


def readUnion(segmentationNode, segmentIds: Iterable[str], volumeNode) -> SegmentBox:
    """Voxels of a volume that belong to any of some segments; each labelmap that they share is looked at once.

    Raises:
        NoVoxelsError, OtherGridError: as `readSegment`.
    """
    shape = gridOfVolume(volumeNode).shape
    segmentation = segmentationNode.GetSegmentation()
    values: dict = {}  # labelmap -> label values of the segments in it
    for segmentId in segmentIds:
        demandVoxelsOf(volumeNode, segmentationNode, segmentId)
        labelmap = binaryLabelmap(segmentationNode, segmentId)
        if labelmap is not None and labelmap.GetNumberOfPoints():
            values.setdefault(labelmap, []).append(segmentation.GetSegment(segmentId).GetLabelValue())
    parts = [_readLabelmap(one, chosen, segmentationNode, volumeNode, shape) for one, chosen in values.items()]
    parts = [part for part in parts if part.voxels.size]
    if len(parts) < 2:
        return parts[0] if parts else SegmentBox(shape, (0, 0, 0), np.zeros((0, 0, 0), bool))
    first = [min(part.offset[axis] for part in parts) for axis in range(3)]
    last = [max(part.region[axis].stop for part in parts) for axis in range(3)]
    voxels = np.zeros([stop - start for start, stop in zip(first, last, strict=True)], bool)
    for part in parts:
        voxels[tuple(slice(at.start - k, at.stop - k) for at, k in zip(part.region, first, strict=True))] |= part.voxels
    return SegmentBox(shape, (first[0], first[1], first[2]), voxels)


def _readLabelmap(labelmap, values: list[int], segmentationNode, volumeNode, shape) -> SegmentBox:
    """Voxels of a labelmap that have one of some values, cropped to the volume."""
    empty = SegmentBox(shape, (0, 0, 0), np.zeros((0, 0, 0), bool))
    array, first = _asInVolume(labelmap, imageToVolume(labelmap, segmentationNode, volumeNode))
    box = boxOfVoxels(array)
    if box is None:
        return empty
    crop = tuple(
        slice(max(part.start, -start), max(min(part.stop, count - start), 0))
        for part, start, count in zip(box, first, shape, strict=True)
    )
    voxels = array[crop] == values[0] if len(values) == 1 else np.isin(array[crop], values)
    if not voxels.size:
        return empty
    return SegmentBox(shape, tuple(start + part.start for start, part in zip(first, crop, strict=True)), voxels)


def segmentIds(segmentationNode, onlyVisible: bool = False) -> list[str]:
    identifiers = list(segmentationNode.GetSegmentation().GetSegmentIDs())
    if onlyVisible:
        display = segmentationNode.GetDisplayNode()
        identifiers = [name for name in identifiers if display is None or display.GetSegmentVisibility(name)]
    return identifiers


def orientedImage(voxels: np.ndarray, offset, ijkToLocal: np.ndarray):
    """A uint8 vtkOrientedImageData with a copy of `voxels` (K, J, I), the first at index `offset` (k, j, i)."""
    image = slicer.vtkOrientedImageData()
    extent = []
    for first, count in zip(reversed(offset), reversed(voxels.shape), strict=True):
        extent += [int(first), int(first + count - 1)]
    image.SetExtent(*extent)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    numpy_support.vtk_to_numpy(image.GetPointData().GetScalars()).reshape(voxels.shape)[:] = voxels
    image.SetImageToWorldMatrix(slicer.util.vtkMatrixFromArray(ijkToLocal))
    return image


def _asInVolume(labelmap, toVolume: np.ndarray):
    """The voxels of a labelmap in the order of the volume's, (k, j, i), and the index of the first in the volume."""
    return reordered(_labelmapArray(labelmap), labelmap.GetExtent()[4::-2], toVolume)


def reordered(array: np.ndarray, offset, toVolume: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """A view of voxels in the order of another lattice, and the index (k, j, i) of its first voxel there.

    Args:
        offset: index (k, j, i) of the first voxel.
        toVolume: 4x4 matrix of whole numbers from voxels (i, j, k) to those of the other lattice.
    """
    ends = [(first, first + count - 1) for first, count in zip(offset, array.shape, strict=True)]
    ends = toVolume[:3, :3] @ np.array(ends[::-1]) + toVolume[:3, 3:]
    # Rows of the matrix are axes i, j, k of the volume; array axes run the other way round.
    directions = toVolume[2::-1, 2::-1]
    array = array.transpose([int(np.flatnonzero(row)[0]) for row in directions])
    array = array[tuple(slice(None, None, int(row.sum())) for row in directions)]
    return array, [int(first) for first in ends.min(axis=1)[::-1]]


def _labelmapArray(labelmap) -> np.ndarray:
    shape = tuple(reversed(labelmap.GetDimensions()))
    return numpy_support.vtk_to_numpy(labelmap.GetPointData().GetScalars()).reshape(shape)


def boxOfVoxels(array: np.ndarray) -> tuple[slice, slice, slice] | None:
    """The box of the nonzero voxels, (K, J, I); None where there are none.

    Two passes of maxima: Slicer's own search takes half a second on large volumes.
    """
    if not array.size:
        return None
    planes = np.flatnonzero(array.reshape(array.shape[0], -1).max(axis=1))
    if not len(planes):
        return None
    first, last = planes[0], planes[-1] + 1
    shadow = array[first:last].max(axis=0)
    rows, columns = np.flatnonzero(shadow.max(axis=1)), np.flatnonzero(shadow.max(axis=0))
    return slice(first, last), slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
