"""Writing masks into segments the way the Segment Editor does: masking and overwrite mode honored, one undo step."""

from collections.abc import Collection, Mapping

import numpy as np
import slicer
import slicer.util

from ..Errors import SceneError
from ..Protocols import UndoKeeper
from ..Translation import _
from .Lattice import binaryLabelmap, demandVoxelsOf, imageToVolume, volumeToSegmentation
from .Segments import SegmentBox, orientedImage, readSegment
from .Volumes import gridOfVolume

_OUTSIDE = (
    slicer.vtkMRMLSegmentationNode.EditAllowedOutsideAllSegments,
    slicer.vtkMRMLSegmentationNode.EditAllowedOutsideVisibleSegments,
)


class SegmentHistory:
    """Undo states of one segmentation where no Segment Editor widget keeps them."""

    def __init__(self, segmentationNode):
        self._history = slicer.vtkSegmentationHistory()
        self._history.SetMaximumNumberOfStates(10)
        self._history.SetSegmentation(segmentationNode.GetSegmentation())

    def saveStateForUndo(self) -> None:
        self._history.SaveState()

    def undo(self) -> bool:
        return bool(self._history.RestorePreviousState())

    def redo(self) -> bool:
        return bool(self._history.RestoreNextState())


class SegmentWriter:
    """Replaces segments by masks. The state for undo is saved once per call of `write`, before anything changes."""

    def __init__(self, scene, editorNode, undoKeeper: UndoKeeper):
        self.scene = scene
        self.editorNode = editorNode
        self.undoKeeper = undoKeeper

    def write(
        self, segmentationNode, volumeNode, masks: Mapping[str, SegmentBox], carved: Collection[str] = ()
    ) -> None:
        """Sets segments (identifier -> mask on the grid of the volume).

        Voxels of a segment outside the volume stay. Where the editor's masking forbids editing nothing changes,
        and what other segments lose is what the editor's overwrite mode says. Segments that are written together do
        not mask each other out of what one of them gives up.

        Args:
            carved: segments that were carved out of the single one that the masking allows editing inside of: they
                may give voxels up everywhere, and that one gets them back.

        Raises:
            SceneError: the segments' voxels are not those of the volume. Nothing has changed then.
        """
        for segmentId in masks:
            demandVoxelsOf(volumeNode, segmentationNode, segmentId)
        showed3D = hasClosedSurface(segmentationNode)
        self.undoKeeper.saveStateForUndo()
        selected = self.editorNode.GetSelectedSegmentID()
        logic = self._editorLogic(segmentationNode, volumeNode)
        isOutside = self.editorNode.GetMaskMode() in _OUTSIDE and len(masks) > 1
        for segmentId, mask in masks.items():
            if isOutside or segmentId in carved:
                logic.SetCurrentSegmentID(segmentId)
                self._giveUp(logic, segmentationNode, segmentId, volumeNode, mask, segmentId in carved)
        for segmentId, mask in masks.items():
            logic.SetCurrentSegmentID(segmentId)
            self._writeOne(logic, segmentationNode, segmentId, volumeNode, mask, segmentId in carved)
        self.editorNode.SetSelectedSegmentID(selected)
        if showed3D:
            segmentationNode.CreateClosedSurfaceRepresentation()

    def writeUnmasked(self, segmentationNode, volumeNode, segmentId: str, mask: SegmentBox) -> None:
        """Sets one segment whatever the editor's masking says and without taking voxels from other segments.

        Raises:
            SceneError: the segments' voxels are not those of the volume. Nothing has changed then.
        """
        demandVoxelsOf(volumeNode, segmentationNode, segmentId)
        toSegmentation = volumeToSegmentation(segmentationNode, volumeNode)
        image = _nonEmptyImage(mask, toSegmentation @ gridOfVolume(volumeNode).ijkToLocal)
        slicer.vtkSlicerSegmentationsModuleLogic.SetBinaryLabelmapToSegment(
            image, segmentationNode, segmentId, slicer.vtkSlicerSegmentationsModuleLogic.MODE_REPLACE
        )

    def _editorLogic(self, segmentationNode, volumeNode):
        logic = segmentEditorLogicClass()()
        logic.SetMRMLScene(self.scene)
        logic.SetSegmentEditorNode(self.editorNode)
        logic.SetSegmentationNode(segmentationNode)
        logic.SetSourceVolumeNode(volumeNode)
        return logic

    def _writeOne(self, logic, segmentationNode, segmentId, volumeNode, mask: SegmentBox, isCarved: bool) -> None:
        grid = gridOfVolume(volumeNode)
        toSegmentation = volumeToSegmentation(segmentationNode, volumeNode) @ grid.ijkToLocal
        labelmap = binaryLabelmap(segmentationNode, segmentId)
        before = readSegment(segmentationNode, segmentId, volumeNode)
        if (
            labelmap is None
            or not labelmap.GetNumberOfPoints()
            or _liesInside(labelmap, imageToVolume(labelmap, segmentationNode, volumeNode), grid.shape)
        ):
            image = _nonEmptyImage(_covering(mask, before), toSegmentation)
            logic.ModifySegmentByLabelmap(segmentationNode, segmentId, image, logic.ModificationModeSet, False, False)
            return
        # The labelmap is flipped or permuted, or reaches beyond the volume: what lies outside the volume must survive.
        self._giveUp(logic, segmentationNode, segmentId, volumeNode, mask, isCarved)
        if not mask.isEmpty:
            image = _nonEmptyImage(mask, toSegmentation)
            logic.ModifySegmentByLabelmap(segmentationNode, segmentId, image, logic.ModificationModeAdd, False, False)

    def _giveUp(self, logic, segmentationNode, segmentId, volumeNode, mask: SegmentBox, isCarved: bool) -> None:
        """Takes voxels of the volume that are not in a mask from a segment."""
        before = readSegment(segmentationNode, segmentId, volumeNode)
        voxels = before.voxels & ~mask.filled()[before.region]
        if self._masksInside and not isCarved:  # Slicer would erase beyond the area, too.
            inside = readSegment(segmentationNode, self.editorNode.GetMaskSegmentID() or "", volumeNode)
            voxels &= inside.filled()[before.region]
        if voxels.any():
            toSegmentation = volumeToSegmentation(segmentationNode, volumeNode) @ gridOfVolume(volumeNode).ijkToLocal
            image = orientedImage(voxels, before.offset, toSegmentation)
            mode = logic.ModificationModeRemove
            logic.ModifySegmentByLabelmap(segmentationNode, segmentId, image, mode, False, False)

    @property
    def _masksInside(self) -> bool:
        return self.editorNode.GetMaskMode() == slicer.vtkMRMLSegmentationNode.EditAllowedInsideSingleSegment


def segmentEditorLogicClass():
    """The class that knows masking and overwrite mode without Qt; it was renamed while it was new.

    Raises:
        SceneError: Slicer is older than 5.10.
    """
    for name in ("vtkSlicerSegmentEditorLogic", "vtkSegmentEditorLogic"):
        if hasattr(slicer, name):
            return getattr(slicer, name)
    raise SceneError(_("This Slicer is too old to write into segments; PatchICL needs Slicer 5.10 or later."))


def hasClosedSurface(segmentationNode) -> bool:
    name = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
    return segmentationNode.GetSegmentation().ContainsRepresentation(name)


def _covering(mask: SegmentBox, before: SegmentBox) -> SegmentBox:
    """The mask in a box that also holds all former voxels: with masking on, Slicer keeps what lies outside the box."""
    boxes = [box for box in (mask, before) if box.voxels.size]
    if not boxes:
        return mask
    first = [min(box.offset[axis] for box in boxes) for axis in range(3)]
    last = [max(box.offset[axis] + box.voxels.shape[axis] for box in boxes) for axis in range(3)]
    voxels = np.zeros([end - start for start, end in zip(first, last, strict=True)], bool)
    if mask.voxels.size:
        region = tuple(
            slice(offset - start, offset - start + count)
            for offset, start, count in zip(mask.offset, first, mask.voxels.shape, strict=True)
        )
        voxels[region] = mask.voxels
    return SegmentBox(mask.shape, tuple(first), voxels)


def _nonEmptyImage(mask: SegmentBox, ijkToLocal):
    voxels, offset = (mask.voxels, mask.offset) if mask.voxels.size else (np.zeros((1, 1, 1), bool), (0, 0, 0))
    return orientedImage(voxels, offset, ijkToLocal)


def _liesInside(labelmap, toVolume: np.ndarray, shape) -> bool:
    """Whether the voxels run the same way as the volume's, and none lies beyond it."""
    ends = np.reshape(labelmap.GetExtent(), (3, 2)) + toVolume[:3, 3:]
    inside = (ends >= 0).all() and (ends < np.reshape(shape[::-1], (3, 1))).all()
    return bool(inside and (toVolume[:3, :3] == np.eye(3)).all())
