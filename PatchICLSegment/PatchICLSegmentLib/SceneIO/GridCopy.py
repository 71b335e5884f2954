"""A copy of a segmentation whose segments are voxels of a volume, whatever the original is made of."""

import numpy as np
import slicer
import slicer.util
import vtk
from vtk.util import numpy_support

from ..Errors import SceneError
from ..Translation import _
from .Lattice import occupiedExtent, volumeToSegmentation
from .PaintedSlices import planesByAxis
from .SegmentMemory import SegmentMemory
from .Segments import SegmentBox, addSegmentation, orientedImage
from .Volumes import VolumeGrid, gridOfVolume

_MOST_SAMPLES = 4  # a side of a voxel, where the original is finer


def copyOnGrid(scene, segmentationNode, volumeNode):
    """Adds a segmentation with the same segments on the grid of a volume, under the same transform as the volume.

    Where the original is finer, a voxel belongs to a segment if half of it does; across the painted slices any part
    of it counts, so that no painted slice is lost. What lies beyond the volume is left out.

    Raises:
        SceneError: Slicer cannot convert what the original is made of; nothing has been added then.
    """
    labelmaps = _labelmaps(segmentationNode, volumeNode)
    source = segmentationNode.GetSegmentation()
    name = _("{segmentation} on {volume}").format(segmentation=segmentationNode.GetName(), volume=volumeNode.GetName())
    node = addSegmentation(volumeNode, scene.GenerateUniqueName(name))
    transform = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(
        segmentationNode.GetParentTransformNode(), volumeNode.GetParentTransformNode(), transform
    )
    display = segmentationNode.GetDisplayNode()
    grid = gridOfVolume(volumeNode)
    for segmentId in source.GetSegmentIDs():
        segment = slicer.vtkSegment()
        segment.DeepCopyMetadata(source.GetSegment(segmentId))
        SegmentMemory().store(segment)  # what is remembered counts slices of another grid
        node.GetSegmentation().AddSegment(segment, segmentId)
        labelmap, value = labelmaps[segmentId]
        if labelmap is not None and labelmap.GetNumberOfPoints():
            box = _sampled(labelmap, value, transform, grid)
            if not box.isEmpty:
                slicer.vtkSlicerSegmentationsModuleLogic.SetBinaryLabelmapToSegment(
                    orientedImage(box.voxels, box.offset, grid.ijkToLocal), node, segmentId
                )
        if display is not None:
            node.GetDisplayNode().SetSegmentVisibility(segmentId, display.GetSegmentVisibility(segmentId))
    return node


def _labelmaps(segmentationNode, volumeNode) -> dict:
    """Segment identifier -> labelmap (or None) and the segment's value in it; the node itself is not touched."""
    converter = slicer.vtkSegmentationConverter
    wanted = converter.GetSegmentationBinaryLabelmapRepresentationName()
    segmentation = segmentationNode.GetSegmentation()
    if segmentation.GetSourceRepresentationName() != wanted:
        original, segmentation = segmentation, slicer.vtkSegmentation()
        segmentation.DeepCopy(original)
        between = volumeToSegmentation(segmentationNode, volumeNode)
        grid = gridOfVolume(volumeNode)
        toSegmentation = grid.ijkToLocal if between is None else between @ grid.ijkToLocal
        reference = orientedImage(np.zeros(grid.shape, np.uint8), (0, 0, 0), toSegmentation)
        name = converter.GetReferenceImageGeometryParameterName()
        segmentation.SetConversionParameter(name, converter.SerializeImageGeometry(reference))
        surface = converter.GetSegmentationClosedSurfaceRepresentationName()
        if segmentation.ContainsRepresentation(surface):
            # From surfaces Slicer itself can go on; from contours only with an extension.
            segmentation.SetSourceRepresentationName(surface)
        if not segmentation.CreateRepresentation(wanted):
            raise SceneError(
                _(
                    "Slicer cannot convert {segmentation} ({name}) into voxels; install the extension SlicerRT, which "
                    "converts contours, and start Slicer again."
                ).format(segmentation=segmentationNode.GetName(), name=original.GetSourceRepresentationName())
            )
    segments = {name: segmentation.GetSegment(name) for name in segmentation.GetSegmentIDs()}
    return {name: (segment.GetRepresentation(wanted), segment.GetLabelValue()) for name, segment in segments.items()}


def _sampled(labelmap, value: int, transform, grid: VolumeGrid) -> SegmentBox:
    """The segment on the grid of the volume; `transform` leads from the segmentation to the volume node."""
    extent = occupiedExtent(labelmap)
    if extent is not None:
        counts, first, last = _places(labelmap, extent, transform, grid)
    if extent is None or (first > last).any():
        return SegmentBox(grid.shape, (0, 0, 0), np.zeros((0, 0, 0), bool))
    # Samples lie evenly within a voxel of the volume: those of an aligned finer grid are its voxels.
    toSamples = np.diag([*(1 / counts), 1.0])
    toSamples[:3, 3] = (1 / counts - 1) / 2
    reference = slicer.vtkOrientedImageData()
    reference.SetExtent(*(int(side) for side in np.column_stack([first * counts, (last + 1) * counts - 1]).ravel()))
    reference.SetImageToWorldMatrix(slicer.util.vtkMatrixFromArray(grid.ijkToLocal @ toSamples))
    image = slicer.vtkOrientedImageData()
    if not slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(
        labelmap, reference, image, False, False, transform, 0
    ):
        raise RuntimeError("Slicer could not resample a segment to the grid of the volume.")
    shape = tuple(reversed(image.GetDimensions()))
    samples = numpy_support.vtk_to_numpy(image.GetPointData().GetScalars()).reshape(shape) == value
    return SegmentBox(grid.shape, tuple(int(index) for index in first[::-1]), _voxelsOf(samples, counts[::-1], grid))


def _places(labelmap, extent, transform, grid: VolumeGrid):
    """Samples a voxel of the volume needs along i, j, k, and the first and last voxel that the extent reaches."""
    matrix = vtk.vtkMatrix4x4()
    labelmap.GetImageToWorldMatrix(matrix)
    toLocal, fromLocal = slicer.util.arrayFromVTKMatrix(matrix), np.linalg.inv(grid.ijkToLocal)

    def voxelsAt(points) -> np.ndarray:
        moved = [transform.TransformPoint((toLocal @ [*point, 1.0])[:3]) for point in points]
        return np.array([(fromLocal @ [*point, 1.0])[:3] for point in moved])

    sides = [np.linspace(start - 0.5, end + 0.5, 5) for start, end in zip(extent[::2], extent[1::2], strict=True)]
    reached = voxelsAt(np.array(np.meshgrid(*sides)).reshape(3, -1).T)
    middle = np.array([side[2] for side in sides])
    steps = np.abs(voxelsAt(middle + np.eye(3)) - voxelsAt([middle])).max(axis=0)
    counts = np.clip(np.round(1 / steps), 1, _MOST_SAMPLES).astype(int)
    first = np.maximum(np.floor(reached.min(axis=0)), 0).astype(int)
    last = np.minimum(np.ceil(reached.max(axis=0)), np.array(grid.shape[::-1]) - 1).astype(int)
    return counts, first, last


def _voxelsOf(samples: np.ndarray, counts: np.ndarray, grid: VolumeGrid) -> np.ndarray:
    """Voxels (k, j, i) of which enough belongs, given `counts` samples along each axis of a voxel."""
    sizes = [size for length, count in zip(samples.shape, counts, strict=True) for size in (length // count, count)]
    blocks = samples.reshape(sizes)
    spacing = tuple(float(step / count) for step, count in zip(grid.spacing, counts, strict=True))
    enough = blocks.mean(axis=(1, 3, 5)) >= 0.5
    try:
        planes = planesByAxis(SegmentBox(samples.shape, (0, 0, 0), samples), spacing)
    except SceneError:  # not painted on slices of the volume: no slice to be kept
        planes = {}
    for axis, indices in planes.items():
        drawn = np.zeros_like(samples)
        part = (slice(None),) * axis + (list(indices),)
        drawn[part] = samples[part]
        enough |= drawn.reshape(sizes).max(axis=2 * axis + 1, keepdims=True).mean(axis=(1, 3, 5)) >= 0.5
    return enough
