"""A brush for offscreen slice views: paints into the selected segment where the left mouse button is dragged."""

from __future__ import annotations

import numpy as np
import slicer
import slicer.util
import vtk
from PatchICLSegmentLib.SceneIO.Lattice import volumeToSegmentation
from PatchICLSegmentLib.SceneIO.Segments import orientedImage
from PatchICLSegmentLib.SceneIO.SliceViews import alignedAxis
from PatchICLSegmentLib.SceneIO.Volumes import gridOfVolume


class Brush:
    """Stands for the Segment Editor's Paint effect in one view.

    Args:
        editor: the segment editor widget; the brush paints while its active effect is "Paint" (or "Erase").
    """

    def __init__(self, view, editor, radius: float = 3.0):
        self.view, self.editor, self.radius = view, editor, radius
        self._pressed = False
        for event, method in (
            (vtk.vtkCommand.LeftButtonPressEvent, self._onPress),
            (vtk.vtkCommand.MouseMoveEvent, self._onMove),
            (vtk.vtkCommand.LeftButtonReleaseEvent, self._onRelease),
        ):
            view.interactor.AddObserver(event, method)

    def drag(self, points) -> None:
        """Moves the mouse along display positions (x, y) with the left button held down."""
        interactor = self.view.interactor
        for number, (x, y) in enumerate(points):
            interactor.SetEventInformation(x, y, 0, 0, "\0", 0, None)
            interactor.InvokeEvent(vtk.vtkCommand.MouseMoveEvent)
            if number == 0:
                interactor.InvokeEvent(vtk.vtkCommand.LeftButtonPressEvent)
        interactor.InvokeEvent(vtk.vtkCommand.LeftButtonReleaseEvent)

    def _onPress(self, _caller, _event) -> None:
        if self.editor.activeEffectName in ("Paint", "Erase"):
            self._pressed = True
            self.editor.saveStateForUndo()
            self._paint()

    def _onMove(self, _caller, _event) -> None:
        if self._pressed:
            self._paint()

    def _onRelease(self, _caller, _event) -> None:
        self._pressed = False

    def _paint(self) -> None:
        volumeNode, segmentationNode = self.editor.sourceVolumeNode(), self.editor.segmentationNode()
        x, y = self.view.interactor.GetEventPosition()
        world = np.array(self.view.node.GetXYToRAS().MultiplyPoint((x, y, 0, 1)))
        grid = gridOfVolume(volumeNode)
        axis = alignedAxis(self.view.node, grid)
        center = np.linalg.solve(grid.ijkToWorld, world)[2::-1]
        index = round(center[axis])
        others = [other for other in range(3) if other != axis]
        along = [(np.arange(grid.shape[other]) - center[other]) * grid.spacing[other] for other in others]
        inside = np.zeros(grid.shape, bool)
        inside[(slice(None),) * axis + (index,)] = along[0][:, None] ** 2 + along[1] ** 2 <= self.radius**2
        image = orientedImage(inside, (0, 0, 0), volumeToSegmentation(segmentationNode, volumeNode) @ grid.ijkToLocal)
        logic = slicer.vtkSlicerSegmentEditorLogic()
        logic.SetMRMLScene(volumeNode.GetScene())
        logic.SetSegmentEditorNode(self.editor.editorNode)
        logic.SetSegmentationNode(segmentationNode)
        logic.SetSourceVolumeNode(volumeNode)
        logic.SetCurrentSegmentID(self.editor.currentSegmentID())
        erase = self.editor.activeEffectName == "Erase"
        mode = logic.ModificationModeRemove if erase else logic.ModificationModeAdd
        logic.ModifySegmentByLabelmap(segmentationNode, self.editor.currentSegmentID(), image, mode, False, False)
