"""Segments on the grid of a volume: as boxes of voxels, and back as one undo step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import slicer
import slicer.util
import vtk
from vtk.util import numpy_support

from .Volumes import VolumeGrid, gridOfVolume


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

    def plane(self, axis: int, index: int) -> np.ndarray:
        """One whole slice of the volume, bool, in the order of the two other array axes."""
        plane = np.zeros([count for other, count in enumerate(self.shape) if other != axis], bool)
        local = index - self.offset[axis]
        if 0 <= local < self.voxels.shape[axis]:
            region = tuple(part for other, part in enumerate(self.region) if other != axis)
            plane[region] = np.take(self.voxels, local, axis=axis)
        return plane

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


def readSegment(segmentationNode, segmentId: str, volumeNode) -> SegmentBox:
    """Voxels of a segment on the grid of a volume (nearest neighbor where the grids differ)."""
    grid = gridOfVolume(volumeNode)
    empty = SegmentBox(grid.shape, (0, 0, 0), np.zeros((0, 0, 0), bool))
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId)
    labelmap = binaryLabelmap(segmentationNode, segmentId)
    if labelmap is None or not labelmap.GetNumberOfPoints():
        return empty
    shift = _indexShift(labelmap, segmentationNode, volumeNode, grid)
    if shift is None:
        if _occupied(_labelmapArray(labelmap)) is None:
            return empty
        labelmap = _resampled(labelmap, segmentationNode, volumeNode, grid)
        shift = (0, 0, 0)
    array = _labelmapArray(labelmap)
    box = _occupied(array)
    if box is None:
        return empty
    # Index in the volume of the first voxel of the array; what lies beyond the volume is left out.
    origin = [labelmap.GetExtent()[4 - 2 * axis] + shift[axis] for axis in range(3)]
    crop = tuple(
        slice(max(part.start, -first), max(min(part.stop, count - first), 0))
        for part, first, count in zip(box, origin, grid.shape, strict=True)
    )
    voxels = array[crop] == segment.GetLabelValue()
    if not voxels.size:
        return empty
    return SegmentBox(grid.shape, tuple(first + part.start for first, part in zip(origin, crop, strict=True)), voxels)


def segmentIds(segmentationNode, onlyVisible: bool = False) -> list[str]:
    identifiers = list(segmentationNode.GetSegmentation().GetSegmentIDs())
    if onlyVisible:
        display = segmentationNode.GetDisplayNode()
        identifiers = [name for name in identifiers if display is None or display.GetSegmentVisibility(name)]
    return identifiers


def binaryLabelmap(segmentationNode, segmentId: str):
    """The vtkOrientedImageData that holds the segment (maybe together with others), or None."""
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId)
    name = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    return segment.GetRepresentation(name) if segment is not None else None


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


def volumeToSegmentation(segmentationNode, volumeNode) -> np.ndarray:
    """4x4 matrix from the local coordinates of the volume node to those of the segmentation node."""
    matrix = vtk.vtkMatrix4x4()
    slicer.vtkMRMLTransformNode.GetMatrixTransformBetweenNodes(
        volumeNode.GetParentTransformNode(), segmentationNode.GetParentTransformNode(), matrix
    )
    return slicer.util.arrayFromVTKMatrix(matrix)


def _labelmapArray(labelmap) -> np.ndarray:
    shape = tuple(reversed(labelmap.GetDimensions()))
    return numpy_support.vtk_to_numpy(labelmap.GetPointData().GetScalars()).reshape(shape)


def _occupied(array: np.ndarray) -> tuple[slice, slice, slice] | None:
    """The box of the nonzero voxels. Two passes of maxima: Slicer's own search takes half a second on large volumes."""
    planes = np.flatnonzero(array.reshape(array.shape[0], -1).max(axis=1))
    if not len(planes):
        return None
    first, last = planes[0], planes[-1] + 1
    shadow = array[first:last].max(axis=0)
    rows, columns = np.flatnonzero(shadow.max(axis=1)), np.flatnonzero(shadow.max(axis=0))
    return slice(first, last), slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _indexShift(labelmap, segmentationNode, volumeNode, grid: VolumeGrid):
    """(k, j, i) to add to the labelmap's indices to get the volume's; None where the grids do not coincide."""
    matrix = vtk.vtkMatrix4x4()
    labelmap.GetImageToWorldMatrix(matrix)
    toVolume = np.linalg.solve(
        volumeToSegmentation(segmentationNode, volumeNode) @ grid.ijkToLocal, slicer.util.arrayFromVTKMatrix(matrix)
    )
    shift = np.round(toVolume[:3, 3])
    # A hundredth of a voxel over the farthest corner: below what nearest neighbor sampling would see.
    tolerance = 0.01 / max(grid.shape)
    if np.abs(toVolume[:3, :3] - np.eye(3)).max() > tolerance or np.abs(toVolume[:3, 3] - shift).max() > 0.01:
        return None
    return tuple(int(value) for value in reversed(shift))


def _resampled(labelmap, segmentationNode, volumeNode, grid: VolumeGrid):
    reference = slicer.vtkOrientedImageData()
    reference.SetExtent(0, grid.shape[2] - 1, 0, grid.shape[1] - 1, 0, grid.shape[0] - 1)
    reference.SetImageToWorldMatrix(slicer.util.vtkMatrixFromArray(grid.ijkToLocal))
    transform = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(
        segmentationNode.GetParentTransformNode(), volumeNode.GetParentTransformNode(), transform
    )
    resampled = slicer.vtkOrientedImageData()
    done = slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(
        labelmap, reference, resampled, False, False, transform, 0
    )
    if not done:
        raise RuntimeError("Slicer could not resample a segment to the grid of the volume.")
    return resampled
