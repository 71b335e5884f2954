"""Volumes of the scene as arrays with their geometry, and arrays back as volumes."""

from dataclasses import dataclass

import numpy as np
import slicer
import slicer.util
import vtk
from vtk.util import numpy_support

from ..Errors import HardenTransformError, SceneError
from ..Translation import _
from .Nodes import nodesOfClass

AXIS_NAMES = ("k", "j", "i")
_MADE_HERE = "PatchICL.Made"


@dataclass(frozen=True)
class VolumeGrid:
    """Where the voxels of a volume lie.

    Attributes:
        shape: number of voxels along k, j, i.
        ijkToLocal: 4x4 matrix from voxel indices (i, j, k) to the coordinates of the volume node in mm.
        localToWorld: 4x4 matrix of the transforms above the volume node.
    """

    shape: tuple[int, int, int]
    ijkToLocal: np.ndarray
    localToWorld: np.ndarray

    @property
    def ijkToWorld(self) -> np.ndarray:
        return self.localToWorld @ self.ijkToLocal

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel size in mm along k, j, i, in the coordinates of the volume node (transforms do not change it)."""
        return tuple(float(length) for length in np.linalg.norm(self.ijkToLocal[:3, :3], axis=0)[::-1])

    def sliceCenter(self, axis: int, index: float) -> np.ndarray:
        """World position (R, A, S) of the middle of a slice."""
        kji = [(count - 1) / 2 for count in self.shape]
        kji[axis] = index
        return (self.ijkToWorld @ [*kji[::-1], 1.0])[:3]

    def normal(self, axis: int) -> np.ndarray:
        """Unit vector across the slices of an axis, turned toward R, A or S as Slicer's slice offsets are."""
        others = [self.ijkToWorld[:3, 2 - other] for other in range(3) if other != axis]
        normal = np.cross(*others)
        normal = normal / np.linalg.norm(normal)
        return normal if normal[np.argmax(np.abs(normal))] > 0 else -normal

    def sliceOffset(self, axis: int, index: float) -> float:
        """Position of a slice in mm along `normal`: what Slicer's slice controller shows for an aligned view."""
        return float(self.normal(axis) @ self.sliceCenter(axis, index))

    def position(self, axis: int, index: float) -> str:
        """Where a slice lies, as in "S 12.5": the side of the body by `normal`, and the distance from zero in mm."""
        offset = self.sliceOffset(axis, index)
        letters = (("R", "L"), ("A", "P"), ("S", "I"))[self._anatomicalAxis(axis)]
        return f"{letters[0 if offset >= 0 else 1]} {abs(offset):.1f}"

    def orientationName(self, axis: int) -> str:
        """What slices along an axis are called in Slicer: the nearest of the three orientations."""
        return (_("Sagittal"), _("Coronal"), _("Axial"))[self._anatomicalAxis(axis)]

    def _anatomicalAxis(self, axis: int) -> int:
        """0, 1, 2: slices of an axis lie from left to right, posterior to anterior, inferior to superior."""
        return int(np.argmax(np.abs(self.normal(axis))))

    def displayOrder(self, axis: int) -> tuple[slice, slice]:
        """How to index the rows and columns of a slice so that a picture shows them as Slicer's views do.

        Anterior or superior is up; the patient's right, or anterior in sagittal slices, is on the left.
        """
        rows, columns = (self.ijkToWorld[:3, 2 - other] for other in range(3) if other != axis)
        up = rows[np.argmax(np.abs(rows))] > 0
        across = int(np.argmax(np.abs(columns)))
        leftIsFirst = columns[across] < 0
        return slice(None, None, -1 if up else 1), slice(None, None, 1 if leftIsFirst else -1)

    def indexAt(self, axis: int, world) -> float:
        """Slice index along an axis, as a real number, of a point in world RAS."""
        ijk = np.linalg.solve(self.ijkToWorld, [*world, 1.0])[:3]
        return float(ijk[2 - axis])


def gridOfVolume(volumeNode) -> VolumeGrid:
    """Geometry of a scalar volume.

    Raises:
        SceneError: no volume, or none with voxels.
        HardenTransformError: the volume is under a non-linear transform.
    """
    if volumeNode is None:
        raise SceneError(_("Select a volume first."))
    image = volumeNode.GetImageData()
    if image is None or not image.GetNumberOfPoints():
        raise SceneError(_("The volume {name} has no voxels; load it again.").format(name=volumeNode.GetName()))
    transformNode = volumeNode.GetParentTransformNode()
    localToWorld = vtk.vtkMatrix4x4()
    if transformNode is not None:
        if not transformNode.IsTransformToWorldLinear():
            raise HardenTransformError(
                _("The volume {name} is warped by a non-linear transform; harden the transform first.").format(
                    name=volumeNode.GetName()
                )
            )
        transformNode.GetMatrixTransformToWorld(localToWorld)
    ijkToLocal = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(ijkToLocal)
    return VolumeGrid(
        shape=tuple(reversed(image.GetDimensions())),
        ijkToLocal=slicer.util.arrayFromVTKMatrix(ijkToLocal),
        localToWorld=slicer.util.arrayFromVTKMatrix(localToWorld),
    )


def arrayOfVolume(volumeNode) -> np.ndarray:
    """Voxels of a scalar volume, (K, J, I), a view and not a copy.

    Raises:
        SceneError: the volume has several components (color), or a single slice in two directions.
    """
    grid = gridOfVolume(volumeNode)
    array = slicer.util.arrayFromVolume(volumeNode)
    if array.ndim != 3:
        raise SceneError(
            _("The volume {name} has {count} components per voxel; convert it to a scalar volume first.").format(
                name=volumeNode.GetName(), count=array.shape[-1]
            )
        )
    if sum(count > 1 for count in grid.shape) < 3:
        raise SceneError(
            _("The volume {name} is a single slice ({size} voxels); propagation needs several slices.").format(
                name=volumeNode.GetName(), size=" x ".join(str(count) for count in reversed(grid.shape))
            )
        )
    return array


def addVolume(scene, array: np.ndarray, sourceNode, name: str, *, offset=(0, 0, 0), scale=(1, 1, 1), node=None):
    """Shows an array as a scalar volume on the grid of another volume.

    Its window is 0 to 1, whoever shows it chooses the colors.

    Args:
        array: (K, J, I), of a type that VTK knows.
        sourceNode: the volume whose geometry and parent transform are taken over.
        offset: where the array's first voxel lies in the source, (k, j, i).
        scale: how many voxels of the array make one of the source, (k, j, i).
        node: a volume node to fill again instead of adding one.
    """
    grid = gridOfVolume(sourceNode)
    toSource = np.eye(4)
    for column, (factor, first) in enumerate(zip(reversed(scale), reversed(offset), strict=True)):
        toSource[column, column] = 1.0 / factor
        toSource[column, 3] = first - 0.5 + 0.5 / factor
    if node is None:
        node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
        node.SetAttribute(_MADE_HERE, "1")
    node.SetAndObserveImageData(_imageOf(array))
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(grid.ijkToLocal @ toSource))
    node.SetAndObserveTransformNodeID(sourceNode.GetTransformNodeID())
    if node.GetDisplayNode() is None:
        # Not the default display: its window comes from a histogram, which takes seconds on large volumes.
        display = scene.CreateNodeByClass("vtkMRMLScalarVolumeDisplayNode")
        display.UnRegister(None)
        display.AutoWindowLevelOff()
        display.SetWindowLevel(1.0, 0.5)
        node.SetAndObserveDisplayNodeID(scene.AddNode(display).GetID())
    return node


def isImage(volumeNode) -> bool:
    """Whether it may be an image to paint on: neither labels nor what this module has made."""
    return not volumeNode.IsA("vtkMRMLLabelMapVolumeNode") and not volumeNode.GetAttribute(_MADE_HERE)


def _imageOf(array: np.ndarray):
    """A vtkImageData with one copy of an array, (K, J, I), however it lies in memory."""
    image = vtk.vtkImageData()
    image.SetDimensions(*reversed(array.shape))
    image.AllocateScalars(numpy_support.get_vtk_array_type(array.dtype), 1)
    numpy_support.vtk_to_numpy(image.GetPointData().GetScalars()).reshape(array.shape)[:] = array
    return image


def frameOfVolume(scene, volumeNode) -> str | None:
    """Which frame of a 4D sequence the volume shows now, as "index (value)".

    None for an ordinary volume, and where no frame is selected: then the volume shows what it holds.
    """
    for browser in nodesOfClass(scene, "vtkMRMLSequenceBrowserNode"):
        sequence = browser.GetSequenceNode(volumeNode)
        if sequence is not None:
            index = browser.GetSelectedItemNumber()
            if 0 <= index < sequence.GetNumberOfDataNodes():
                return f"{index} ({sequence.GetNthIndexValue(index)})"
    return None
