"""The first minute with the module: the embedded brain with three painted slices, propagated."""

import numpy as np
import slicer
import slicer.util

from PatchICLLib.errors import PatchICLError
from PatchICLLib.resources import resource_path

from .Errors import SceneError
from .SceneIO.Segments import SegmentBox
from .Translation import _, ofLibrary

IMAGE, LABELS = "SampleData/brain_t1.nii.gz", "SampleData/brain_t1_labels.nii.gz"
THALAMI = 4
COLOR = (91 / 255, 224 / 255, 122 / 255)


def loadSample(scene):
    """The embedded T1 image as a volume of the scene, and its reference labels as an array, (K, J, I).

    Raises:
        SceneError: the files are missing or unreadable.
    """
    try:
        paths = resource_path(IMAGE), resource_path(LABELS)
    except PatchICLError as error:
        raise SceneError(ofLibrary(str(error))) from error
    logic = slicer.modules.volumes.logic()
    volumeNode = logic.AddArchetypeVolume(str(paths[0]), _("PatchICL sample brain"), 0)
    labelNode = logic.AddArchetypeVolume(str(paths[1]), "PatchICL sample labels", 1)
    if volumeNode is None or labelNode is None:
        raise SceneError(_("The sample could not be read; install the module again."))
    labels = slicer.util.arrayFromVolume(labelNode).copy()
    scene.RemoveNode(labelNode)
    return volumeNode, labels


def slicesToPaint(mask: np.ndarray, count: int = 3) -> list[int]:
    """Slices along k, evenly spread over a structure and a little inside its ends."""
    occupied = np.flatnonzero(mask.any(axis=(1, 2)))
    return [int(occupied[round((part + 0.5) / count * (len(occupied) - 1))]) for part in range(count)]


def trySample(logic, showVolume) -> None:
    """Loads the sample, paints the thalami on three slices and starts to propagate."""
    volumeNode, labels = loadSample(logic.scene)
    logic.select(volumeNode, None)
    segmentationNode = logic.createSegmentation()
    segment = segmentationNode.GetSegmentation().GetSegment(logic.segmentId)
    segment.SetName(_("Thalami"))
    segment.SetColor(*COLOR)
    mask = labels == THALAMI
    painted = np.zeros_like(mask)
    chosen = slicesToPaint(mask)
    painted[chosen] = mask[chosen]
    writer = logic.writer()
    writer.writeUnmasked(segmentationNode, volumeNode, logic.segmentId, SegmentBox(painted.shape, (0, 0, 0), painted))
    showVolume(volumeNode)
    logic.views.jumpTo(chosen[len(chosen) // 2], axis=0)
    logic.startPropagation()
