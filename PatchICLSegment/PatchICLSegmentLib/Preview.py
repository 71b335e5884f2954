"""The proposal before it is accepted: a segmentation of its own beside the user's."""

from __future__ import annotations

import colorsys

import numpy as np
import slicer
import slicer.util
import vtk
from vtk.util import numpy_support

from .SceneIO.Segments import SegmentBox, orientedImage, readSegment
from .SceneIO.SegmentWriter import hasClosedSurface
from .SceneIO.Volumes import AXIS_NAMES, gridOfVolume, removeWithDisplay
from .Translation import _

_VOLUME_ROLE = "PatchICL.Volume"
_SEGMENTATION_ROLE = "PatchICL.Segmentation"
_SOURCE_TAG = "PatchICL.SourceSegment"
_AXIS_ATTRIBUTE = "PatchICL.Axis"


class Preview:
    """A segmentation node whose segments propose new contents for segments of another one. Saved with the scene."""

    def __init__(self, node):
        self.node = node

    @classmethod
    def create(cls, scene, segmentationNode, volumeNode, labels: dict[int, str], axis: int) -> Preview:
        """An empty proposal. Its segments share one labelmap on the volume's grid, so that slices can be filled in."""
        name = _("{name} preview").format(name=segmentationNode.GetName())
        node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", scene.GenerateUniqueName(name))
        node.CreateDefaultDisplayNodes()
        # Not to be chosen as a segmentation to work on.
        node.SetHideFromEditors(1)
        # In this order: the grid is that of the volume as seen from under the transform.
        node.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
        node.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
        node.SetNodeReferenceID(_VOLUME_ROLE, volumeNode.GetID())
        node.SetNodeReferenceID(_SEGMENTATION_ROLE, segmentationNode.GetID())
        node.SetAttribute(_AXIS_ATTRIBUTE, AXIS_NAMES[axis])
        grid = gridOfVolume(volumeNode)
        labelmap = orientedImage(np.zeros(grid.shape, np.uint8), (0, 0, 0), grid.ijkToLocal)
        representation = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
        for label, segmentId in labels.items():
            source = segmentationNode.GetSegmentation().GetSegment(segmentId)
            segment = slicer.vtkSegment()
            segment.SetName(source.GetName())
            segment.SetColor(*previewColor(source.GetColor()))
            segment.SetLabelValue(label)
            segment.SetTag(_SOURCE_TAG, segmentId)
            segment.AddRepresentation(representation, labelmap)
            node.GetSegmentation().AddSegment(segment, segmentId)
        return cls(node)

    @classmethod
    def ofNode(cls, node) -> Preview | None:
        """A proposal that was saved with the scene, None where what it is meant for is gone."""
        preview = cls(node) if node is not None else None
        return preview if preview and preview.volumeNode and preview.segmentationNode else None

    @property
    def volumeNode(self):
        return self.node.GetNodeReference(_VOLUME_ROLE)

    @property
    def segmentationNode(self):
        return self.node.GetNodeReference(_SEGMENTATION_ROLE)

    @property
    def axis(self) -> int:
        return AXIS_NAMES.index(self.node.GetAttribute(_AXIS_ATTRIBUTE))

    def showSlice(self, index: int, labels: np.ndarray) -> None:
        """Fills in one slice, (rows, columns) of label values."""
        self._voxels()[(slice(None),) * self.axis + (index,)] = labels
        self._voxelsModified()

    def showVolume(self, labels: np.ndarray, box=(slice(None),) * 3) -> None:
        """Fills in everything, (K, J, I) of label values; `box` says where they differ from what is shown."""
        self._voxels()[box] = labels[box]
        self._voxelsModified()
        if hasClosedSurface(self.segmentationNode):
            self.node.CreateClosedSurfaceRepresentation()

    def setOpacity(self, opacity: float) -> None:
        display = self.node.GetDisplayNode()
        display.SetOpacity2DFill(opacity)
        display.SetOpacity3D(max(opacity, 0.1))

    def plane(self, segmentId: str, index: int) -> np.ndarray:
        """What is proposed for a segment on one slice, bool; nothing for a segment that took no part."""
        plane = np.take(self._voxels(), index, axis=self.axis)
        segmentation = self.node.GetSegmentation()
        for previewId in segmentation.GetSegmentIDs():
            if self._sourceOf(previewId) == segmentId:
                return plane == segmentation.GetSegment(previewId).GetLabelValue()
        return np.zeros(plane.shape, bool)

    def masks(self) -> dict[str, SegmentBox]:
        """Proposed voxels by identifier of the segment that they are meant for."""
        return {
            self._sourceOf(previewId): readSegment(self.node, previewId, self.volumeNode)
            for previewId in self.node.GetSegmentation().GetSegmentIDs()
        }

    def remove(self) -> None:
        removeWithDisplay(self.node)

    def _sourceOf(self, previewId: str) -> str:
        source = vtk.mutable("")
        self.node.GetSegmentation().GetSegment(previewId).GetTag(_SOURCE_TAG, source)
        return str(source)

    def _labelmap(self):
        firstId = self.node.GetSegmentation().GetNthSegmentID(0)
        return self.node.GetBinaryLabelmapInternalRepresentation(firstId)

    def _voxels(self) -> np.ndarray:
        shape = gridOfVolume(self.volumeNode).shape
        return numpy_support.vtk_to_numpy(self._labelmap().GetPointData().GetScalars()).reshape(shape)

    def _voxelsModified(self) -> None:
        labelmap = self._labelmap()
        labelmap.GetPointData().GetScalars().Modified()
        labelmap.Modified()
        # Views listen to this event, not to the image.
        self.node.GetSegmentation().InvokeEvent(slicer.vtkSegmentation.SourceRepresentationModified)


def previewColor(color) -> tuple[float, float, float]:
    """A vivid neighbor of the segment's color: seen as related, never mistaken for it."""
    hue, saturation, _value = colorsys.rgb_to_hsv(*color)
    return colorsys.hsv_to_rgb((hue + 0.14) % 1.0, max(saturation, 0.6), 1.0)
