"""The proposal before it is accepted: a segmentation of its own beside the user's."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any

import numpy as np
import slicer
import slicer.util
import vtk
from vtk.util import numpy_support

from .Basis import Basis, VoxelChecksum
from .FilledSlices import FILLED_ATTRIBUTE, FilledSlices
from .PreviewColor import previewColor
from .Proposal import Proposal
from .Provenance import StoredText
from .SceneIO.Lattice import binaryLabelmap
from .SceneIO.Nodes import removeWithDisplay
from .SceneIO.Segments import SegmentBox, addSegmentation, orientedImage, sliceRegion
from .SceneIO.SegmentWriter import hasClosedSurface
from .SceneIO.Voxels import noVoxels
from .Translation import _

_VOLUME_ROLE = "PatchICL.Volume"
_SEGMENTATION_ROLE = "PatchICL.Segmentation"
_REPORT_ROLE = "PatchICL.Report"
_SOURCE_TAG = "PatchICL.SourceSegment"
_LAYER_TAG = "PatchICL.Layer"
_BASIS_ATTRIBUTE = "PatchICL.Basis"
_COMPLETION_ATTRIBUTE = "PatchICL.Completion"


class Completion(Enum):
    """How far the run of a preview came: it goes on or was cut off; it was stopped, its slices wanted; it ended."""

    UNFINISHED = "unfinished"
    KEPT = "kept"
    FINISHED = "finished"


class Preview:
    """A segmentation node whose segments propose new contents for segments of another one. Saved with the scene.

    It knows what it is about (`basis`), whether its run is complete, and the run's report.
    """

    def __init__(self, node):
        self.node = node
        text = node.GetAttribute(_BASIS_ATTRIBUTE)
        self.basis = Basis.fromText(text) if text else None
        self._voxels = VoxelChecksum()
        self._report = StoredText()
        self._filled = FilledSlices(node)

    @classmethod
    def create(cls, volumeNode, segmentationNode, basis: Basis, groups: Iterable[Iterable[int]]) -> Preview:
        """An empty proposal, so that slices can be filled in.

        Args:
            groups: labels by layer; the segments of a layer share one labelmap on the volume's grid.
        """
        scene = volumeNode.GetScene()
        name = _("{name} preview").format(name=segmentationNode.GetName())
        node = addSegmentation(volumeNode, scene.GenerateUniqueName(name))
        node.SetHideFromEditors(1)  # not to be chosen as a segmentation to work on
        node.SetNodeReferenceID(_VOLUME_ROLE, volumeNode.GetID())
        node.SetNodeReferenceID(_SEGMENTATION_ROLE, segmentationNode.GetID())
        node.SetAttribute(_BASIS_ATTRIBUTE, basis.toText())
        node.SetAttribute(_COMPLETION_ATTRIBUTE, Completion.UNFINISHED.value)
        empty = np.zeros(basis.shape, np.uint8)
        layerOf = {label: number for number, group in enumerate(groups) for label in group}
        labelmaps = [orientedImage(empty, (0, 0, 0), basis.matrix) for _layer in set(layerOf.values())]
        representation = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
        for label, segmentId, segmentName in basis.segments:
            segment = slicer.vtkSegment()
            segment.SetName(segmentName)
            source = segmentationNode.GetSegmentation().GetSegment(segmentId)
            segment.SetColor(*previewColor(source.GetColor()))
            segment.SetLabelValue(label)
            segment.SetTag(_SOURCE_TAG, segmentId)
            segment.SetTag(_LAYER_TAG, str(layerOf[label]))
            segment.AddRepresentation(representation, labelmaps[layerOf[label]])
            node.GetSegmentation().AddSegment(segment, segmentId)
        return cls(node)

    @classmethod
    def ofNode(cls, node) -> Preview | None:
        """A proposal that was saved with the scene. Where what it is meant for is gone: an ordinary segmentation, None.

        The same holds for what an earlier version saved, which did not note what it was about.
        """
        if node is None:
            return None
        preview = cls(node)
        if preview.volumeNode and preview.segmentationNode and preview.basis and preview.dropLostSegments():
            return preview
        preview.release()
        return None

    @property
    def volumeNode(self):
        return self.node.GetNodeReference(_VOLUME_ROLE)

    @property
    def segmentationNode(self):
        return self.node.GetNodeReference(_SEGMENTATION_ROLE)

    @property
    def axis(self) -> int:
        return self.basis.axis

    @property
    def completion(self) -> Completion:
        return Completion(self.node.GetAttribute(_COMPLETION_ATTRIBUTE))

    @completion.setter
    def completion(self, completion: Completion) -> None:
        self.node.SetAttribute(_COMPLETION_ATTRIBUTE, completion.value)

    @property
    def filled(self) -> tuple[int, ...]:
        """Slices that were filled in one by one, ascending, whatever the layer."""
        return self._filled.ofAny()

    def filledOf(self, segmentId: str) -> set[int]:
        """The same, of the layer in which a segment is."""
        ids = self.node.GetSegmentation().GetSegmentIDs()
        layers = [self._layerOf(previewId) for previewId in ids if self._sourceOf(previewId) == segmentId]
        return self._filled.of(layers[0]) if layers else set()

    @property
    def reportNode(self):
        """Text node with the run's report; None before the run has ended, and where it never did."""
        return self.node.GetNodeReference(_REPORT_ROLE)

    @reportNode.setter
    def reportNode(self, node) -> None:
        self.node.SetNodeReferenceID(_REPORT_ROLE, node.GetID())

    @property
    def run(self) -> dict[str, Any] | None:
        return self._report.of(self.reportNode)

    def problem(self) -> str | None:
        """What has changed under the proposal since its run began, without a full stop; None while it fits."""
        volumeNode = self.volumeNode
        if self.node.GetTransformNodeID() != volumeNode.GetTransformNodeID():
            return _("{name} was put under another transform than its volume").format(name=self.node.GetName())
        if not self.node.GetSegmentation().GetNumberOfSegments():
            return _("{name} has lost its segments").format(name=self.node.GetName())
        return self.basis.problem(volumeNode, self.segmentationNode, self._voxels.of(volumeNode))

    def follow(self) -> None:
        """Lies where the volume lies, also after that was put under another transform."""
        transformId = self.volumeNode.GetTransformNodeID()
        if self.node.GetTransformNodeID() != transformId:
            self.node.SetAndObserveTransformNodeID(transformId)

    def dropLostSegments(self) -> bool:
        """Forgets the segments whose source is gone: another one might get its identifier. Whether any is left."""
        sources = self.segmentationNode.GetSegmentation()
        segmentation = self.node.GetSegmentation()
        for previewId in segmentation.GetSegmentIDs():
            if sources.GetSegment(self._sourceOf(previewId)) is None:
                segmentation.RemoveSegment(previewId)
        return segmentation.GetNumberOfSegments() > 0

    def showSlice(self, index: int, labels: np.ndarray, layer: int = 0) -> None:
        """Fills in one slice of a layer, (rows, columns) of label values."""
        whole = self._wholeLabelmap(layer)
        if whole is not None:
            whole[(slice(None),) * self.axis + (index,)] = labels
        self._filled.add(layer, [index])
        self._voxelsModified()

    def showVolume(self, labels: np.ndarray) -> None:
        """Fills in everything, (K, J, I) or (L, K, J, I) of labels."""
        for layer, part in enumerate(labels.reshape(-1, *self.basis.shape)):
            whole = self._wholeLabelmap(layer)
            if whole is not None:
                whole[...] = part
        self._voxelsModified()
        if hasClosedSurface(self.segmentationNode):
            self.node.CreateClosedSurfaceRepresentation()

    def showResult(self, labels: np.ndarray, painted: np.ndarray) -> None:
        """Fills in everything that a run gave, as `showVolume`; it has ended, unless it was stopped. What was painted,
        (L, K, J, I), makes no slice of that a finished one."""
        self.showVolume(labels)
        if self.completion is Completion.KEPT:
            others = tuple(axis for axis in range(3) if axis != self.axis)
            for layer, part in enumerate(labels.reshape(painted.shape)):
                self._filled.add(layer, np.flatnonzero((part != painted[layer]).any(axis=others)).tolist())
        else:
            self.completion = Completion.FINISHED

    def takeOver(self, other: Preview, painted: np.ndarray) -> None:
        """Begins with the slices of another proposal for the same segments, where nothing is painted, (L, K, J, I)."""
        labels, masks = painted.copy(), other.masks()
        segmentation = self.node.GetSegmentation()
        filled = [set(other.filled) for _layer in labels]
        for previewId in segmentation.GetSegmentIDs():
            source, layer = self._sourceOf(previewId), self._layerOf(previewId)
            filled[layer] &= other.filledOf(source)
            if source in masks:
                part = labels[layer][masks[source].region]
                part[masks[source].voxels & (part == 0)] = segmentation.GetSegment(previewId).GetLabelValue()
        self.showVolume(labels)
        for layer, indices in enumerate(filled):
            self._filled.add(layer, indices)

    def setOpacity(self, opacity: float) -> None:
        display = self.node.GetDisplayNode()
        display.SetOpacity2DFill(opacity)
        display.SetOpacity3D(max(opacity, 0.1))

    def proposalFor(self, segmentId: str) -> Proposal | None:
        """What is proposed for a segment, None for one that took no part."""
        for previewId in self.node.GetSegmentation().GetSegmentIDs():
            if self._sourceOf(previewId) == segmentId:
                array, offset, value = self._labelmapOf(previewId)
                return Proposal(self.axis, self.basis.planesOf(segmentId), array, offset, value)
        return None

    def plane(self, segmentId: str, index: int) -> np.ndarray:
        """What is proposed for a segment on one slice, bool; nothing for a segment that took no part."""
        region, proposal = sliceRegion(self.basis.shape, self.axis, index), self.proposalFor(segmentId)
        part = noVoxels(self.basis.shape).part(region) if proposal is None else proposal.part(region)
        return part.squeeze(self.axis)

    def masks(self) -> dict[str, SegmentBox]:
        """Proposed voxels by identifier of the segment that they are meant for."""
        masks = {}
        for previewId in self.node.GetSegmentation().GetSegmentIDs():
            array, offset, value = self._labelmapOf(previewId)
            masks[self._sourceOf(previewId)] = SegmentBox(self.basis.shape, offset, array == value)
        return masks

    def remove(self) -> None:
        removeWithDisplay(self.node)

    def release(self) -> None:
        """Is no proposal any more but a segmentation like others, for people to look at or to delete."""
        self.node.SetHideFromEditors(0)
        for role in (_VOLUME_ROLE, _SEGMENTATION_ROLE, _REPORT_ROLE):
            self.node.SetNodeReferenceID(role, None)
        for name in (_BASIS_ATTRIBUTE, FILLED_ATTRIBUTE, _COMPLETION_ATTRIBUTE):
            self.node.RemoveAttribute(name)

    def _sourceOf(self, previewId: str) -> str:
        return self._tag(previewId, _SOURCE_TAG)

    def _layerOf(self, previewId: str) -> int:
        return int(self._tag(previewId, _LAYER_TAG) or 0)

    def _tag(self, previewId: str, name: str) -> str:
        value = vtk.mutable("")
        self.node.GetSegmentation().GetSegment(previewId).GetTag(name, value)
        return str(value)

    def _labelmapOf(self, previewId: str) -> tuple[np.ndarray, tuple[int, int, int], int]:
        """Labels on the volume's grid, the place (k, j, i) of their first voxel, and the value that is the segment's.

        In the volume's indices, wherever the volume lies now; files keep only the box around what is not empty.
        """
        image = binaryLabelmap(self.node, previewId)
        value = self.node.GetSegmentation().GetSegment(previewId).GetLabelValue()
        if image is None or not image.GetNumberOfPoints():
            return np.zeros((0, 0, 0), np.uint8), (0, 0, 0), value
        matrix = vtk.vtkMatrix4x4()
        image.GetImageToWorldMatrix(matrix)
        shift = np.linalg.solve(self.basis.matrix, slicer.util.arrayFromVTKMatrix(matrix))[2::-1, 3]
        extent = image.GetExtent()
        offset = tuple(int(extent[4 - 2 * axis] + round(float(shift[axis]))) for axis in range(3))
        scalars = numpy_support.vtk_to_numpy(image.GetPointData().GetScalars())
        return scalars.reshape(tuple(reversed(image.GetDimensions()))), offset, value

    def _wholeLabelmap(self, layer: int) -> np.ndarray | None:
        """The labels of a layer, on the whole grid of the volume; None if its segments are gone."""
        for previewId in self.node.GetSegmentation().GetSegmentIDs():
            if self._layerOf(previewId) == layer:
                return self._labelmapOf(previewId)[0]
        return None

    def _voxelsModified(self) -> None:
        for previewId in self.node.GetSegmentation().GetSegmentIDs():
            labelmap = binaryLabelmap(self.node, previewId)
            labelmap.GetPointData().GetScalars().Modified()
            labelmap.Modified()
        # Views listen to this event, not to the image.
        self.node.GetSegmentation().InvokeEvent(slicer.vtkSegmentation.SourceRepresentationModified)
