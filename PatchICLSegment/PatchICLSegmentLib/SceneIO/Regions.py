"""Region-of-interest boxes of the scene (vtkMRMLMarkupsROINode) as spans of voxels, and back around a painting."""

import numpy as np
import slicer.util

from ..Errors import SceneError
from ..Translation import _
from .Segments import SegmentBox
from .Volumes import VolumeGrid

_GROWTH = 1.5  # in the plane of the slices: more than the network's usual field of view
_ROUNDING = 1e-3  # of a voxel


def spansOfRegion(regionNode, grid: VolumeGrid) -> tuple[tuple[int, int], ...]:
    """First and last voxel along k, j, i whose centers lie in the box around a region.

    Raises:
        SceneError: the region lies beyond the volume.
    """
    size, center = np.zeros(3), np.zeros(3)
    regionNode.GetSizeWorld(size)
    regionNode.GetCenterWorld(center)
    axes = slicer.util.arrayFromVTKMatrix(regionNode.GetObjectToWorldMatrix())[:3, :3]
    half = axes / np.linalg.norm(axes, axis=0) * size / 2
    signs = np.array(np.meshgrid((-1, 1), (-1, 1), (-1, 1))).reshape(3, -1)
    corners = center[:, None] + half @ signs
    voxels = np.linalg.solve(grid.ijkToWorld, np.vstack([corners, np.ones(corners.shape[1])]))[2::-1]
    first = np.maximum(np.ceil(voxels.min(axis=1) - _ROUNDING), 0).astype(int)
    last = np.minimum(np.floor(voxels.max(axis=1) + _ROUNDING), np.array(grid.shape) - 1).astype(int)
    if (first > last).any():
        raise SceneError(
            _("The region {name} lies beyond the volume; move it, or choose none in Settings.").format(
                name=regionNode.GetName()
            )
        )
    return tuple((int(start), int(end)) for start, end in zip(first, last, strict=True))


def fitRegion(regionNode, grid: VolumeGrid, box: SegmentBox, axis: int) -> None:
    """Puts a region around what is painted: half as large again in the plane, half the painted range beyond it."""
    lengths = np.array(box.voxels.shape, float)
    wanted = lengths * _GROWTH
    wanted[axis] = lengths[axis] * 2
    middle = np.array(box.offset) + (lengths - 1) / 2
    axes = grid.ijkToWorld[:3, :3] / np.linalg.norm(grid.ijkToWorld[:3, :3], axis=0)
    if np.linalg.det(axes) < 0:
        axes[:, 0] *= -1  # A box is the same from either side, its coordinate system is not.
    matrix = np.eye(4)
    matrix[:3, :3] = axes
    matrix[:3, 3] = (grid.ijkToWorld @ [*middle[::-1], 1.0])[:3]
    steps = np.linalg.norm(grid.ijkToWorld[:3, :3], axis=0)
    regionNode.SetAndObserveTransformNodeID(None)
    regionNode.SetAndObserveObjectToNodeMatrix(slicer.util.vtkMatrixFromArray(matrix))
    regionNode.SetSize(*(wanted[::-1] * steps))


def addRegion(scene, name: str):
    """A new region, drawn as an outline that leaves the image visible."""
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", scene.GenerateUniqueName(name))
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    if display is not None:
        display.SetFillVisibility(False)
    return node
