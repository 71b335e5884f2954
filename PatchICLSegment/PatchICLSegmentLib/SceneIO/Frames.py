"""The frames of a volume that is shown by a sequence browser, and segmentations beside them in the same browser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
import vtk

from ..Errors import SceneError
from ..Translation import _
from .Nodes import nodesOfClass, removeWithDisplay
from .Segments import SegmentBox, addSegmentation, orientedImage
from .Volumes import VolumeGrid, arrayOfVolume, gridOfVolume

_MADE_HERE = "PatchICL.Frames"
_CARRIED_FROM = "PatchICL.Segmentation"
_TERMINOLOGY = "TerminologyEntry"
_TOLERANCE = 1e-3  # mm


@dataclass(frozen=True)
class Frames:
    """The frames of a volume.

    Attributes:
        browser, sequence, volumeNode: the nodes; the volume shows one frame of the sequence.
        values: index values of the browser's items, in their order.
        current: number of the item that is shown.
        grid: of the volume.
    """

    browser: Any
    sequence: Any
    volumeNode: Any
    values: tuple[str, ...]
    current: int
    grid: VolumeGrid

    @classmethod
    def of(cls, scene, volumeNode) -> Frames | None:
        """None where the volume is no frame of a sequence of two or more."""
        if volumeNode is None or volumeNode.GetImageData() is None:
            return None
        for browser in nodesOfClass(scene, "vtkMRMLSequenceBrowserNode"):
            sequence, master = browser.GetSequenceNode(volumeNode), browser.GetMasterSequenceNode()
            if sequence is None or master is None:
                continue
            values = tuple(master.GetNthIndexValue(item) for item in range(master.GetNumberOfDataNodes()))
            current = browser.GetSelectedItemNumber()
            if len(values) > 1 and 0 <= current < len(values):
                try:
                    return cls(browser, sequence, volumeNode, values, current, gridOfVolume(volumeNode))
                except SceneError:  # Propagate says why the volume cannot be used.
                    return None
        return None

    def name(self, number: int) -> str:
        return f"{number} ({self.values[number]})"

    def image(self, number: int) -> np.ndarray:
        """The voxels of a frame, (K, J, I), a view and not a copy.

        Raises:
            SceneError: there is no such frame, or it lies on another grid than the one that is shown.
        """
        if number == self.current:
            return arrayOfVolume(self.volumeNode)
        node = self.sequence.GetDataNodeAtValue(self.values[number], True)
        if node is None:
            raise SceneError(_("The sequence has no frame {frame}.").format(frame=self.name(number)))
        image, grid = arrayOfVolume(node), gridOfVolume(node)
        if grid.shape != self.grid.shape or not np.allclose(
            grid.ijkToLocal, self.grid.ijkToLocal, rtol=0, atol=_TOLERANCE
        ):
            raise SceneError(
                _("Frame {other} lies on another grid than frame {frame}; resample the sequence onto one grid.").format(
                    other=self.name(number), frame=self.name(self.current)
                )
            )
        return image

    def check(self) -> None:
        """Raises:
        SceneError: a frame is missing, lies on another grid, or is a single slice.
        """
        if min(self.grid.shape) < 2:
            raise SceneError(
                _("Frames of a single slice cannot be followed; load them as one volume, a slice each; propagate it.")
            )
        for number in range(len(self.values)):
            self.image(number)

    def filled(self) -> FrameSegmentations | None:
        """The segmentations that were made last beside these frames, or None."""
        collection = vtk.vtkCollection()
        self.browser.GetSynchronizedSequenceNodes(collection, True)
        sequences = [collection.GetItemAsObject(number) for number in range(collection.GetNumberOfItems())]
        made = [sequence for sequence in sequences if sequence.GetAttribute(_MADE_HERE)]
        return FrameSegmentations(self, made[-1]) if made else None


@dataclass(frozen=True)
class SegmentLook:
    """What a segment is called and how it looks, without what this module notes of it.

    Attributes: terminology: as in the tag of the segment, "" for none.
    """

    name: str
    color: tuple[float, float, float]
    terminology: str

    @classmethod
    def of(cls, segment) -> SegmentLook:
        value = vtk.mutable("")
        terminology = str(value) if segment.GetTag(_TERMINOLOGY, value) else ""
        return cls(segment.GetName(), tuple(segment.GetColor()), terminology)

    def newSegment(self):
        segment = slicer.vtkSegment()
        segment.SetName(self.name)
        segment.SetColor(*self.color)
        if self.terminology:
            segment.SetTag(_TERMINOLOGY, self.terminology)
        return segment


Looks = Mapping[str, SegmentLook]
Masks = Mapping[str, SegmentBox]


class FrameSegmentations:
    """A sequence of segmentations, one for each frame that is filled, and the node that shows them.

    Attributes: sequence: the sequence; proxy: the node that shows the segmentation of the browser's frame.
    """

    def __init__(self, frames: Frames, sequence):
        self.frames, self.sequence = frames, sequence

    @classmethod
    def create(cls, frames: Frames, segmentationNode, looks: Looks, masks: Masks) -> FrameSegmentations:
        """One with the painted frame. The segmentation is hidden, as it would lie over all frames; nothing else of it
        changes.
        """
        scene = segmentationNode.GetScene()
        name = scene.GenerateUniqueName(_("{name}, all frames").format(name=segmentationNode.GetName()))
        sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", name)
        sequence.SetAttribute(_MADE_HERE, "1")
        sequence.SetNodeReferenceID(_CARRIED_FROM, segmentationNode.GetID())
        for take in ("IndexName", "IndexUnit", "IndexType"):
            getattr(sequence, f"Set{take}")(getattr(frames.browser.GetMasterSequenceNode(), f"Get{take}")())
        proxy = addSegmentation(frames.volumeNode, name)
        # Before the browser knows of it: Slicer takes offense at a sequence without a frame.
        sequence.SetDataNodeAtValue(_frameNode(proxy, frames, looks, masks), frames.values[frames.current])
        browser = frames.browser
        browser.AddProxyNode(proxy, sequence, False)
        # Frames that were not reached show nothing, and what is corrected on others stays.
        browser.SetMissingItemMode(sequence, browser.MissingItemSetToDefault)
        browser.SetSaveChanges(sequence, True)
        if segmentationNode.GetDisplayNode() is not None:
            segmentationNode.GetDisplayNode().SetVisibility(False)
        return cls(frames, sequence)

    @property
    def proxy(self):
        return self.frames.browser.GetProxyNode(self.sequence)

    def write(self, number: int, looks: Looks, masks: Masks) -> None:
        """Keeps the segmentation of a frame: identifier -> how the segment looks, and its voxels."""
        node = _frameNode(self.proxy, self.frames, looks, masks)
        self.sequence.SetDataNodeAtValue(node, self.frames.values[number])
        if number == self.frames.browser.GetSelectedItemNumber():
            self.proxy.CopyContent(self.sequence.GetDataNodeAtValue(self.frames.values[number], True), False)

    def remove(self) -> None:
        """Takes it out of the browser and the scene, and shows again what was hidden for it."""
        scene, proxy = self.sequence.GetScene(), self.proxy
        source = self.sequence.GetNodeReference(_CARRIED_FROM)
        if source is not None and source.GetDisplayNode() is not None:
            source.GetDisplayNode().SetVisibility(True)
        self.frames.browser.RemoveSynchronizedSequenceNode(self.sequence.GetID())
        if proxy is not None:
            removeWithDisplay(proxy)
        scene.RemoveNode(self.sequence)


def _frameNode(proxy, frames: Frames, looks: Looks, masks: Masks):
    """A segmentation node outside the scene, to be copied into a sequence."""
    node = slicer.vtkMRMLSegmentationNode()
    segmentation = node.GetSegmentation()
    segmentation.CopyConversionParameters(proxy.GetSegmentation())
    name = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    for segmentId, mask in masks.items():
        segment = looks[segmentId].newSegment()
        voxels, offset = (mask.voxels, mask.offset) if mask.voxels.size else (np.zeros((1, 1, 1), bool), (0, 0, 0))
        segment.AddRepresentation(name, orientedImage(voxels, offset, frames.grid.ijkToLocal))
        segmentation.AddSegment(segment, segmentId)
    return node
