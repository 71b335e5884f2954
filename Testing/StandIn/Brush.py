"""A brush for offscreen slice views: paints into the selected segment where the left mouse button is dragged."""

import numpy as np
import slicer
import slicer.util
import vtk
from PatchICLSegmentLib.SceneIO.Lattice import volumeToSegmentation
from PatchICLSegmentLib.SceneIO.Segments import orientedImage
from PatchICLSegmentLib.SceneIO.SliceViews import alignedAxis
from PatchICLSegmentLib.SceneIO.Volumes import gridOfVolume

# The real one stamps its shape every fifth of its diameter, between two positions of the mouse as well.
_STEP_OF_DIAMETER = 0.2


class Brush:
    """Stands for the Segment Editor's Paint effect in one view, and paints the same voxels.

    The shape is a cylinder as high as a slice, or a sphere where the editor's "Sphere brush" is ticked. All voxels that
    it touches are painted, not only those whose centers it holds: so paint is up to half a voxel wider than the brush,
    and a sphere reaches into neighboring slices. A stroke is written when the button is released.

    Args:
        editor: the segment editor widget; the brush paints while its active effect is "Paint" (or "Erase").
    """

    def __init__(self, view, editor, radius: float = 3.0):
        self.view, self.editor, self.radius = view, editor, radius
        self._pressed = False
        self._points: list[np.ndarray] = []
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
        if self.editor.viewsObserved and self.editor.activeEffectName in ("Paint", "Erase"):
            self._pressed = True
            self._points = [self._position()]

    def _onMove(self, _caller, _event) -> None:
        if self._pressed:
            first, last = self._points[-1], self._position()
            count = max(1, int(np.linalg.norm(last - first) / (_STEP_OF_DIAMETER * 2 * self.radius)))
            self._points += [first + (last - first) * (step + 1) / count for step in range(count)]

    def _onRelease(self, _caller, _event) -> None:
        if self._pressed:
            self._pressed = False
            self.editor.saveStateForUndo()
            self._paint()

    def _position(self) -> np.ndarray:
        """Of the mouse, in world RAS."""
        x, y = self.view.interactor.GetEventPosition()
        return np.array(self.view.node.GetXYToRAS().MultiplyPoint((x, y, 0, 1)))[:3]

    def _paint(self) -> None:
        volumeNode, segmentationNode = self.editor.sourceVolumeNode(), self.editor.segmentationNode()
        grid = gridOfVolume(volumeNode)
        painted = np.zeros(grid.shape, bool)
        for point in self._points:
            self._stamp(painted, np.linalg.solve(grid.ijkToWorld, [*point, 1.0])[2::-1], grid)
        image = orientedImage(painted, (0, 0, 0), volumeToSegmentation(segmentationNode, volumeNode) @ grid.ijkToLocal)
        logic = slicer.vtkSlicerSegmentEditorLogic()
        logic.SetMRMLScene(volumeNode.GetScene())
        logic.SetSegmentEditorNode(self.editor.editorNode)
        logic.SetSegmentationNode(segmentationNode)
        logic.SetSourceVolumeNode(volumeNode)
        logic.SetCurrentSegmentID(self.editor.currentSegmentID())
        erase = self.editor.activeEffectName == "Erase"
        mode = logic.ModificationModeRemove if erase else logic.ModificationModeAdd
        logic.ModifySegmentByLabelmap(segmentationNode, self.editor.currentSegmentID(), image, mode, False, False)

    def _stamp(self, painted: np.ndarray, center: np.ndarray, grid) -> None:
        """Sets the voxels that the brush touches with its center at (k, j, i)."""
        region, squares = [], []
        for axis, spacing in enumerate(grid.spacing):
            nearest, reach = int(np.floor(center[axis] + 0.5)), int(self.radius / spacing) + 1
            if axis == alignedAxis(self.view.node, grid) and not self.editor.sphereCheckBox.checked:
                reach = 0  # a cylinder as high as the slice
            first, last = max(nearest - reach, 0), min(nearest + reach + 1, grid.shape[axis])
            indices = np.arange(first, max(first, last))
            region.append(slice(first, max(first, last)))
            # From the center of the brush to the near side of the voxel.
            squares.append((np.maximum(np.abs(indices - center[axis]) - 0.5, 0) * spacing) ** 2)
        distance = squares[0][:, None, None] + squares[1][:, None] + squares[2]
        painted[tuple(region)] |= distance <= self.radius**2
