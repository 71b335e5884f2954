"""Preview, results and their origin, in saved scenes and under transforms."""

import json

import numpy as np
import pytest
import slicer
import slicer.util
import vtk
from PatchICLSegmentLib.Parameters import Parameters
from PatchICLSegmentLib.State import State


def testSavedSceneComesBackWithPreviewAndResults(workplace, tmp_path):
    drawn = workplace.paint(0, [3, 12])
    workplace.logic.painting.setNotOnSlice(15)
    workplace.logic.parameters = Parameters(seed=5, entropyOpacity=0.25)
    workplace.runToPreview()
    proposal = workplace.proposal()
    workplace.logic.views.updateEntropy()
    uncertainty = workplace.logic.views.slicesToReview()
    workplace.saveAndLoad(tmp_path)
    logic = workplace.logic
    assert logic.state is State.PREVIEW and logic.parameters.seed == 5
    again = logic.views.slicesToReview()
    assert [(row.index, row.uncertainty) for row in again] == [(row.index, row.uncertainty) for row in uncertainty]
    assert len(logic.results.selections) == 10
    assert logic.results.entropyNode.GetImageData() is not None
    logic.applyPreview()
    assert (workplace.read() == proposal).all() and (workplace.read()[3] == drawn[3]).all()
    assert workplace.indices() == [3, 12, 15]


def testProvenanceIsInTheScene(workplace):
    workplace.propagate(0, [3, 12])
    workplace.logic.applyPreview()
    report = json.loads(workplace.logic.results.reportNode.GetText())
    assert report["volume"] == "ct" and report["segments"]["1"]["id"] == workplace.organ
    assert report["weights"]["sha256"] == "0" * 64 and report["painted_slices"] == {"1": [3, 12]}
    tag = vtk.mutable("")
    segment = workplace.segmentation.GetSegmentation().GetSegment(workplace.organ)
    assert segment.GetTag("PatchICL.WeightsSHA256", tag) and str(tag) == "0" * 64


def testMovedVolumeGivesTheSameMask(workplace):
    workplace.propagate(0, [3, 12])
    straight = workplace.proposal()
    transform = workplace.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = np.eye(4)
    matrix[:3, 3] = [5, -7, 6.3]
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    for node in (workplace.volume, workplace.segmentation):
        node.SetAndObserveTransformNodeID(transform.GetID())
    workplace.runToPreview()
    assert (workplace.proposal() == straight).all()
    assert workplace.logic.preview.node.GetParentTransformNode() is transform
    assert workplace.logic.results.entropyNode.GetParentTransformNode() is transform
    workplace.logic.applyPreview()
    assert (workplace.read() == straight).all()


@pytest.mark.parametrize("steps", [(0, 0, 1), (0, -2, 0), (2, 0, 0), (-1, 1, 3)])
def testVolumeMovedAloneLeavesPropagatedSlicesPropagated(workplace, steps):
    """By whole voxels (k, j, i); else its voxels are no longer those of the segmentation, which is refused."""
    workplace.propagate(0, [4, 13])
    workplace.logic.applyPreview()
    workplace.logic.painting.setNotOnSlice(2)
    workplace.paint(0, [8], size=15)  # a correction
    geometry = vtk.vtkMatrix4x4()
    workplace.volume.GetIJKToRASMatrix(geometry)
    move = np.eye(4)
    move[:3, 3] = slicer.util.arrayFromVTKMatrix(geometry)[:3, :3] @ steps[::-1]
    transform = workplace.scene.AddNewNodeByClass("vtkMRMLTransformNode")
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(move))
    workplace.volume.SetAndObserveTransformNodeID(transform.GetID())
    moved = [index - steps[0] for index in (2, 4, 8, 13)]
    assert workplace.indices() == moved
    workplace.logic.painting.setContext(moved[1], False)
    workplace.volume.SetAndObserveTransformNodeID(None)
    rows = workplace.logic.painting.slices()
    assert [(row.index, row.isContext) for row in rows] == [(2, True), (4, False), (8, True), (13, True)]
