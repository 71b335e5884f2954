"""Segments that overlap, as an organ and its lesion do."""

from dataclasses import replace

import numpy as np
import pytest
import slicer
import slicer.util
from PatchICLSegmentLib.Errors import OverlapError
from PatchICLSegmentLib.Logic import PatchICLSegmentLogic
from PatchICLSegmentLib.Parameters import Parameters
from PatchICLSegmentLib.SceneIO.SegmentMemory import memoryOf
from PatchICLSegmentLib.SceneIO.Segments import readSegment
from PatchICLSegmentLib.SceneIO.Voxels import Voxels

from .conftest import SHAPE


def organWithLesion(workplace, slices=(3, 8, 14), lesionSlices=None):
    """Draws a square organ and a lesion within it; returns both as masks."""
    organ, lesion = np.zeros((2, *SHAPE), bool)
    for index in slices:
        organ[index, 6:26, 6:28] = True
    for index in slices if lesionSlices is None else lesionSlices:
        lesion[index, 12:18, 12:20] = True
    workplace.write(organ)
    workplace.write(lesion, workplace.other)
    workplace.logic.parameters = Parameters(scope="visible")
    return organ, lesion


def allowOverlap(workplace) -> None:
    workplace.logic.editorNode.SetOverwriteMode(slicer.vtkMRMLSegmentEditorNode.OverwriteNone)


@pytest.mark.parametrize("lesionSlices", [(3, 8, 14), (6, 11)], ids=["on the same slices", "on others"])
def testOrganKeepsWhatItsLesionOverlaps(workplace, lesionSlices):
    organ, lesion = organWithLesion(workplace, lesionSlices=lesionSlices)
    allowOverlap(workplace)
    workplace.runToPreview()
    logic = workplace.logic
    masks = {name: box.filled() for name, box in logic.preview.masks().items()}
    assert masks[workplace.organ][3:15].all(axis=0)[6:26, 6:28].all(), "no hole on any filled slice"
    assert masks[workplace.other][lesionSlices[0] : lesionSlices[-1] + 1, 12:18, 12:20].all()
    for name, mask in masks.items():
        assert np.array_equal(logic.preview.plane(name, 6), mask[6])
    logic.applyPreview()
    assert np.array_equal(workplace.read()[[3, 8, 14]], organ[[3, 8, 14]])
    assert np.array_equal(workplace.read(workplace.other)[list(lesionSlices)], lesion[list(lesionSlices)])
    assert np.array_equal(workplace.read(), masks[workplace.organ])
    assert np.array_equal(workplace.read(workplace.other), masks[workplace.other])
    assert logic.history().undo()
    assert np.array_equal(workplace.read(), organ) and np.array_equal(workplace.read(workplace.other), lesion)


def testOverlapIsRefusedWhereTheEditorWouldTakeVoxels(workplace):
    organ, lesion = organWithLesion(workplace)
    with pytest.raises(OverlapError, match="Structure and other overlap") as refused:
        workplace.logic.startPropagation()
    problem = workplace.logic.remedies.of(refused.value)
    assert problem.remedy == "Allow overlap"
    problem.mend()
    workplace.runToPreview()
    workplace.logic.applyPreview()
    assert np.array_equal(workplace.read()[8], organ[8]) and np.array_equal(
        workplace.read(workplace.other)[8], lesion[8]
    )


def testStoppedLayersAreWrittenAsFarAsEachCame(workplace):
    organ, lesion = organWithLesion(workplace)
    earlier = lesion.copy()
    earlier[5] = True
    workplace.write(earlier, workplace.other)
    segment = workplace.segmentation.GetSegmentation().GetSegment(workplace.other)
    box = readSegment(workplace.segmentation, workplace.other, workplace.volume)
    memory = memoryOf(workplace.segmentation, workplace.other, workplace.volume, box)
    planes = {(0, index): None for index in (3, 8, 14)}
    replace(memory, axis=0, planes=planes, written=Voxels.of(box)).store(segment)
    allowOverlap(workplace)
    logic = workplace.logic
    workplace.startUntil(5)
    assert logic.progress.layer == 0
    logic.cancel(keepPartialResult=True)
    logic.applyPreview()
    assert workplace.read().any(axis=(1, 2)).sum() == 3 + 5
    assert np.array_equal(workplace.read(workplace.other), earlier), "its slices were not come to"


def testLayersComeBackWithASavedScene(workplace, tmp_path):
    organWithLesion(workplace)
    allowOverlap(workplace)
    workplace.runToPreview()
    masks = {name: box.filled() for name, box in workplace.logic.preview.masks().items()}
    logic = PatchICLSegmentLogic(workplace.scene, makeWorker=workplace.makeWorker)
    for name, box in logic.preview.masks().items():
        assert np.array_equal(box.filled(), masks[name])
    logic.shutdown()
    node = workplace.logic.preview.node
    storage = slicer.vtkMRMLSegmentationStorageNode()
    workplace.scene.AddNode(storage)
    storage.SetFileName(str(tmp_path / "preview.seg.nrrd"))
    assert storage.WriteData(node)
    again = slicer.modules.segmentations.logic().LoadSegmentationFromFile(storage.GetFileName(), True)
    loaded = [readSegment(again, name, workplace.volume) for name in again.GetSegmentation().GetSegmentIDs()]
    assert all(np.array_equal(box.filled(), mask) for box, mask in zip(loaded, masks.values(), strict=True))
