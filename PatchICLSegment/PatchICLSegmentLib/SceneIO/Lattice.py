"""Whether the voxels of segments are voxels of a volume, so that slices can be read and written without resampling."""

import numpy as np
import slicer
import slicer.util
import vtk

from ..Errors import NoVoxelsError, OtherGridError, SceneError
from ..Translation import _
from .Nodes import nodesOfClass
from .Volumes import gridOfVolume

# Voxels by which a voxel may lie beside its place: more than what files round, and every voxel still has its own.
_TOLERANCE = 0.25


def binaryLabelmap(segmentationNode, segmentId: str):
    """The vtkOrientedImageData that holds the segment (maybe together with others), or None."""
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId)
    name = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    return segment.GetRepresentation(name) if segment is not None else None


def volumeToSegmentation(segmentationNode, volumeNode) -> np.ndarray | None:
    """4x4 matrix from the local coordinates of the volume node to those of the segmentation node.

    None where a transform between them is not linear.
    """
    matrix = vtk.vtkMatrix4x4()
    linear = slicer.vtkMRMLTransformNode.GetMatrixTransformBetweenNodes(
        volumeNode.GetParentTransformNode(), segmentationNode.GetParentTransformNode(), matrix
    )
    return slicer.util.arrayFromVTKMatrix(matrix) if linear else None


def imageToVolume(image, segmentationNode, volumeNode) -> np.ndarray | None:
    """4x4 matrix from the voxels (i, j, k) of an image of the segmentation to those of the volume.

    Its entries are whole numbers, each voxel of one is a voxel of the other: the grids may be flipped, permuted,
    cropped, or shifted by whole voxels against each other. None where that is not so.
    """
    between = volumeToSegmentation(segmentationNode, volumeNode)
    if between is None:
        return None
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    grid = gridOfVolume(volumeNode)
    exact = np.linalg.solve(between @ grid.ijkToLocal, slicer.util.arrayFromVTKMatrix(matrix))
    rounded = np.round(exact)
    directions = np.abs(rounded[:3, :3])
    if (directions.sum(axis=0) != 1).any() or (directions.sum(axis=1) != 1).any():
        return None
    extent = np.reshape(image.GetExtent(), (3, 2))
    corners = np.vstack([np.array(np.meshgrid(*extent)).reshape(3, -1), np.ones(8)])
    return rounded if np.abs((exact - rounded) @ corners).max() < _TOLERANCE else None


def demandVoxelsOf(volumeNode, segmentationNode, segmentId: str) -> None:
    """Nothing, where a segment can be read and painted voxel by voxel of the volume.

    Raises:
        NoVoxelsError: the segmentation is made of something else than voxels.
        OtherGridError: its voxels, or those that a brush would paint, are not those of the volume.
    """
    segmentation = segmentationNode.GetSegmentation()
    source = segmentation.GetSourceRepresentationName()
    if source != slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName():
        raise NoVoxelsError(
            _("{segmentation} holds no painted voxels; it is made of another representation ({name}).").format(
                segmentation=segmentationNode.GetName(), name=source
            )
        )
    for image in (binaryLabelmap(segmentationNode, segmentId), brushGrid(segmentationNode)):
        if image is None or not image.GetNumberOfPoints():
            continue
        if imageToVolume(image, segmentationNode, volumeNode) is None:
            raise OtherGridError(
                _("The voxels of {segmentation} ({steps} mm) are not those of {volume} ({otherSteps} mm).").format(
                    segmentation=segmentationNode.GetName(),
                    steps=_listed(image.GetSpacing()),
                    volume=volumeNode.GetName(),
                    otherSteps=_listed(gridOfVolume(volumeNode).spacing[::-1]),
                )
            )


def brushGrid(segmentationNode):
    """The grid that the Segment Editor's brushes paint on, an image without voxels; None before it is chosen."""
    converter = slicer.vtkSegmentationConverter
    text = segmentationNode.GetSegmentation().GetConversionParameter(converter.GetReferenceImageGeometryParameterName())
    image = slicer.vtkOrientedImageData()
    return image if text and converter.DeserializeImageGeometry(text, image, False) else None


def volumesOf(scene, segmentationNode, isCandidate) -> list:
    """Volumes of the scene whose voxels are those of all segments, none of which reach beyond; the likeliest first."""
    reference = segmentationNode.GetNodeReference(segmentationNode.GetReferenceImageGeometryReferenceRole())
    nodes = nodesOfClass(scene, "vtkMRMLScalarVolumeNode")
    nodes = [node for node in nodes if isCandidate(node) and _holds(node, segmentationNode)]
    return sorted(nodes, key=lambda node: node is not reference)


def _holds(volumeNode, segmentationNode) -> bool:
    try:
        last = np.array(gridOfVolume(volumeNode).shape[::-1]) - 1
        for segmentId in segmentationNode.GetSegmentation().GetSegmentIDs():
            demandVoxelsOf(volumeNode, segmentationNode, segmentId)
            labelmap = binaryLabelmap(segmentationNode, segmentId)
            if labelmap is None or not labelmap.GetNumberOfPoints():
                continue
            extent, matrix = occupiedExtent(labelmap), imageToVolume(labelmap, segmentationNode, volumeNode)
            if extent is not None:
                ends = matrix[:3, :3] @ np.reshape(extent, (3, 2)) + matrix[:3, 3:]
                if (ends < 0).any() or (ends > last[:, None]).any():
                    return False
    except SceneError:
        return False
    return True


def occupiedExtent(labelmap) -> list[int] | None:
    """First and last voxel along i, j, k that are not zero, None where all are."""
    extent = [0, -1, 0, -1, 0, -1]
    found = slicer.vtkOrientedImageDataResample.CalculateEffectiveExtent(labelmap, extent)
    return extent if found and extent[1] >= extent[0] else None


def _listed(spacing) -> str:
    return " x ".join(f"{step:.3g}" for step in spacing)
