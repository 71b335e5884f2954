"""Slice views of the scene: jumping to a slice, and finding views that are rotated against the volume."""

import numpy as np
import slicer
import slicer.util

from .Nodes import nodesOfClass
from .Volumes import VolumeGrid, gridOfVolume

# Cosine of half a degree: below it a stroke stays within one slice over any usual field of view.
_ALIGNED = np.cos(np.deg2rad(0.5))


def sliceNodes(scene) -> list:
    return nodesOfClass(scene, "vtkMRMLSliceNode")


def sliceNormal(sliceNode) -> np.ndarray:
    normal = slicer.util.arrayFromVTKMatrix(sliceNode.GetSliceToRAS())[:3, 2]
    return normal / np.linalg.norm(normal)


def alignedAxis(sliceNode, grid: VolumeGrid) -> int | None:
    """The volume axis whose slices a view shows (0 = k, 1 = j, 2 = i), None if it is rotated against all of them."""
    cosines = [abs(float(grid.normal(axis) @ sliceNormal(sliceNode))) for axis in range(3)]
    best = int(np.argmax(cosines))
    return best if cosines[best] >= _ALIGNED else None


def rotatedViews(scene, volumeNode) -> list:
    """Slice nodes that show the volume and lie on none of its axes: what is painted there crosses slices."""
    grid = gridOfVolume(volumeNode)
    shown = {
        layers.GetLayoutName()
        for layers in nodesOfClass(scene, "vtkMRMLSliceCompositeNode")
        if layers.GetBackgroundVolumeID() == volumeNode.GetID()
    }
    return [node for node in sliceNodes(scene) if node.GetLayoutName() in shown and alignedAxis(node, grid) is None]


def alignViews(scene, volumeNode) -> None:
    for node in rotatedViews(scene, volumeNode):
        node.RotateToVolumePlane(volumeNode)


def viewForAxis(scene, volumeNode, axis: int):
    """The first slice view that shows slices of the given axis, or None."""
    grid = gridOfVolume(volumeNode)
    return next((node for node in sliceNodes(scene) if alignedAxis(node, grid) == axis), None)


def jumpToSlice(scene, volumeNode, axis: int, index: int, inPlane=None) -> None:
    """Moves every view of the axis to a slice; with `inPlane` (world RAS) the other views follow to that point."""
    grid = gridOfVolume(volumeNode)
    offset = grid.sliceOffset(axis, index)
    for node in sliceNodes(scene):
        if alignedAxis(node, grid) == axis:
            sign = 1.0 if sliceNormal(node) @ grid.normal(axis) > 0 else -1.0
            node.SetSliceOffset(sign * offset)
        elif inPlane is not None:
            node.JumpSliceByOffsetting(*inPlane)


def currentSlice(scene, volumeNode, axis: int) -> int | None:
    """Index of the slice that the first view of the axis shows, None without such a view or outside the volume."""
    node = viewForAxis(scene, volumeNode, axis)
    if node is None:
        return None
    center = slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS())[:3, 3]
    grid = gridOfVolume(volumeNode)
    index = round(grid.indexAt(axis, center))
    return index if 0 <= index < grid.shape[axis] else None


def axisUnderMouse(scene, volumeNode) -> int | None:
    """The volume axis whose slices the view under the mouse shows, None where that is none."""
    node = scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    view = node.GetCursorPositionXYZ([0.0, 0.0, 0.0]) if node is not None else None
    return None if view is None else alignedAxis(view, gridOfVolume(volumeNode))
