"""The state machine: from painted slices to a preview, applied or discarded, and what can go wrong between."""

from __future__ import annotations

import json

import numpy as np
import pytest
import slicer
import slicer.util
import vtk
from PatchICLSegmentLib.Errors import SceneError
from PatchICLSegmentLib.Logic import PatchICLSegmentLogic
from PatchICLSegmentLib.Parameters import Parameters
from PatchICLSegmentLib.Running import CANCEL_PATIENCE_SECONDS
from PatchICLSegmentLib.SceneIO.SliceViews import nodesOfClass
from PatchICLSegmentLib.State import State


def finish(logic) -> None:
    while logic.state.isBusy:
        logic.poll()


def testPreviewThenApplyIsOneUndoStep(workplace):
    logic = workplace.logic
    drawn = workplace.paint(0, [3, 8, 14])
    otherDrawn = workplace.paint(0, [5], workplace.other)[5].sum()
    logic.startPropagation()
    assert logic.state is State.PREPARING
    finish(logic)
    assert logic.state is State.PREVIEW
    assert (workplace.read() == drawn).all(), "nothing is written before Apply"
    proposal = logic.preview.masks()[workplace.organ].filled()
    logic.applyPreview()
    assert logic.state is State.IDLE and logic.preview is None
    result = workplace.read()
    assert (result == proposal).all() and result.any(axis=(1, 2)).sum() == 12
    assert (result[[3, 8, 14]] == drawn[[3, 8, 14]]).all()
    assert otherDrawn and workplace.read(workplace.other)[5].sum() <= otherDrawn
    assert logic.history().undo()
    assert (workplace.read() == drawn).all()
    assert [row.index for row in logic.painting.slices()] == [3, 8, 14]
    assert logic.history().redo() and (workplace.read() == result).all()


def testDiscardLeavesTheSceneAsItWas(workplace):
    drawn = workplace.paint(0, [3, 8])
    editorNode, parameterNode = workplace.logic.editorNode, workplace.logic.parameterNode
    count = workplace.scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
    before = {node.GetID() for node in nodesOfClass(workplace.scene, "vtkMRMLNode")}
    workplace.runToPreview()
    workplace.logic.views.updateEntropy()
    workplace.logic.discardPreview()
    assert workplace.logic.state is State.IDLE
    left = {node for node in nodesOfClass(workplace.scene, "vtkMRMLNode") if node.GetID() not in before}
    assert {node.GetClassName() for node in left} <= {"vtkMRMLProceduralColorNode"}, "only the colors are kept"
    assert workplace.scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == count
    assert (workplace.read() == drawn).all()
    assert editorNode.GetScene() and parameterNode.reference("Preview") is None
    assert workplace.logic.results.run is None


def testPreviewFillsSliceBySlice(workplace):
    workplace.paint(0, [3, 8])
    workplace.logic.startPropagation()
    filled = []
    while workplace.logic.state.isBusy:
        workplace.logic.poll()
        if workplace.logic.preview:
            areas = workplace.logic.preview.masks()[workplace.organ].areas(0)
            filled.append(int((areas > 0).sum()))
    assert filled == sorted(filled) and {2, 3, 4, 5, 6} <= set(filled)


@pytest.mark.parametrize("axis", [0, 1, 2])
def testAnyAxisReachesTheWorker(workplace, axis):
    drawn = workplace.paint(axis, [5, 12])
    workplace.runToPreview()
    call = workplace.workers[0].calls[0]
    assert call.options["axis"] == axis
    assert call.spacing == pytest.approx((2.5, 0.9, 0.8))
    assert ((call.painted > 0) == drawn).all()
    assert (call.image == slicer.util.arrayFromVolume(workplace.volume)).all()
    workplace.logic.applyPreview()
    assert (np.take(workplace.read(), [5, 12], axis=axis) == np.take(drawn, [5, 12], axis=axis)).all()


def testParametersReachTheWorker(workplace):
    workplace.paint(0, [3, 14])
    workplace.logic.parameters = Parameters(
        device="cpu",
        weights="mine",
        contextSize=2,
        usePrior=False,
        patchBudget=0.5,
        fieldOfView=2.0,
        seed=7,
        extent="range",
        firstSlice=2,
        lastSlice=99,
    )
    workplace.runToPreview()
    worker = workplace.workers[0]
    assert (worker.device, worker.weights) == ("cpu", "mine")
    assert worker.calls[0].options == {
        "axis": 0,
        "painted_slices": {},
        "ignore_slices": {},
        "use_all_slices": True,
        "extent": (2, 17),
        "context_size": 2,
        "prior": False,
        "patch_budget": 0.5,
        "field_of_view": 2.0,
        "region": None,
        "seed": 7,
        "outputs": {"entropy", "selections"},
        "candidates": 1,
    }


def testOneWorkerServesManyRunsUntilTheDeviceChanges(workplace):
    workplace.paint(0, [3, 8])
    workplace.runToPreview()
    workplace.logic.applyPreview()
    workplace.paint(0, [14])
    workplace.runToPreview()
    assert len(workplace.workers) == 1
    workplace.logic.parameters = Parameters(device="cpu")
    workplace.runToPreview()
    assert len(workplace.workers) == 2 and not workplace.workers[0].is_alive


def testVisibleSegmentsInOneRun(workplace):
    first, second = workplace.paint(0, [3, 8]), workplace.paint(0, [4, 9], workplace.other)
    hidden = workplace.segmentation.GetSegmentation().AddEmptySegment("hidden", "hidden")
    hiddenDrawn = workplace.paint(0, [6], hidden)
    workplace.segmentation.GetDisplayNode().SetSegmentVisibility(hidden, False)
    editorNode = workplace.logic.editorNode
    editorNode.SetOverwriteMode(editorNode.OverwriteNone)
    workplace.logic.parameters = Parameters(scope="visible")
    workplace.runToPreview()
    assert set(np.unique(workplace.workers[0].calls[0].painted)) == {0, 1, 2}
    workplace.logic.applyPreview()
    assert (workplace.read()[[3, 8]] == first[[3, 8]]).all()
    assert (workplace.read(workplace.other)[[4, 9]] == second[[4, 9]]).all()
    assert (workplace.read(hidden) == hiddenDrawn).all()
    assert workplace.logic.segmentId == workplace.organ, "the selection stays"
    assert workplace.logic.history().undo()
    assert (workplace.read() == first).all() and (workplace.read(workplace.other) == second).all()


def testCorrectedSliceBecomesPainted(workplace):
    logic = workplace.logic
    workplace.paint(0, [3, 12])
    workplace.runToPreview()
    logic.applyPreview()
    assert [row.index for row in logic.painting.slices()] == [3, 12]
    corrected = workplace.read()
    corrected[7, 20:24, 20:24] = True
    workplace.write(corrected)
    assert [row.index for row in logic.painting.slices()] == [3, 7, 12]
    workplace.runToPreview()
    assert sorted(np.flatnonzero(workplace.workers[0].calls[-1].painted.any(axis=(1, 2)))) == [3, 7, 12]
    logic.applyPreview()
    assert (workplace.read()[7] == corrected[7]).all()


def testDrawAfreshClearsAndWaitsForTheDrawing(workplace):
    logic = workplace.logic
    workplace.paint(0, [3, 12])
    workplace.runToPreview()
    logic.applyPreview()
    proposal = workplace.read()
    logic.painting.drawAfresh(7)
    assert not workplace.read()[7].any()
    assert [row.index for row in logic.painting.slices()] == [3, 12]
    logic.history().undo()
    assert (workplace.read() == proposal).all()
    logic.painting.drawAfresh(7)
    workplace.paint(0, [7])
    assert [row.index for row in logic.painting.slices()] == [3, 7, 12]


def testNotOnThisSliceBoundsTheStructure(workplace):
    logic = workplace.logic
    workplace.paint(0, [3, 8])
    logic.painting.setNotOnSlice(10)
    rows = logic.painting.slices()
    assert [(row.index, row.declaredEmpty) for row in rows] == [(3, False), (8, False), (10, True)]
    workplace.runToPreview()
    assert workplace.workers[0].calls[0].options["painted_slices"] == {1: [10]}
    logic.applyPreview()
    assert not workplace.read()[10].any()
    assert [row.index for row in logic.painting.slices()] == [3, 8, 10]
    logic.painting.setNotOnSlice(10, False)
    assert [row.index for row in logic.painting.slices()] == [3, 8]
    logic.painting.setNotOnSlice(8)
    assert not workplace.read()[8].any(), "what was drawn there is cleared"


def testUntickedSliceIsNoContextButStays(workplace):
    logic = workplace.logic
    drawn = workplace.paint(0, [3, 8, 12])
    logic.painting.setContext(8, False)
    assert [row.isContext for row in logic.painting.slices()] == [True, False, True]
    workplace.runToPreview()
    assert not workplace.workers[0].calls[0].painted[8].any()
    logic.applyPreview()
    assert (workplace.read()[8] == drawn[8]).all()


def testRemoveSlice(workplace):
    workplace.paint(0, [3, 8])
    workplace.logic.painting.setNotOnSlice(10)
    workplace.logic.painting.remove(10)
    workplace.logic.painting.remove(8)
    assert [row.index for row in workplace.logic.painting.slices()] == [3]
    assert not workplace.read()[8].any()


@pytest.mark.parametrize("keep", [True, False])
def testCancelKeepsOrDropsWhatIsFinished(workplace, keep):
    logic = workplace.logic
    drawn = workplace.paint(0, [2, 15])
    logic.startPropagation()
    while logic.progress is None or logic.progress.done < 4:
        logic.poll()
    logic.cancel(keepPartialResult=keep)
    assert logic.state is (State.KEEPING if keep else State.IDLE), "neither needs any waiting"
    if keep:
        assert (logic.preview.masks()[workplace.organ].areas(0) > 0).sum() == 2 + 4
    while logic.needsPolling:
        logic.poll()
    assert (workplace.read() == drawn).all()
    if keep:
        assert logic.state is State.PREVIEW
        assert (logic.preview.masks()[workplace.organ].areas(0) > 0).sum() == 2 + 4
    else:
        assert logic.state is State.IDLE and logic.preview is None
    workplace.runToPreview()
    assert (logic.preview.masks()[workplace.organ].areas(0) > 0).sum() == 14


def keptRun(workplace):
    """A run that was stopped after four slices, its preview kept; the worker has not answered yet."""
    drawn = workplace.paint(0, [2, 15])
    workplace.logic.startPropagation()
    while workplace.logic.progress is None or workplace.logic.progress.done < 4:
        workplace.logic.poll()
    workplace.logic.cancel(keepPartialResult=True)
    assert workplace.logic.state is State.KEEPING
    return drawn


def testWorkerThatDoesNotStopIsReplaced(workplace):
    now = [0.0]
    workplace.logic.clock = lambda: now[0]
    keptRun(workplace)
    workplace.workers[0].poll = lambda timeout=0.0: []
    workplace.logic.poll()
    assert workplace.logic.state is State.KEEPING
    now[0] = CANCEL_PATIENCE_SECONDS + 0.1
    workplace.logic.poll()
    assert workplace.logic.state is State.PREVIEW and not workplace.workers[0].is_alive
    assert workplace.logic.results.run is None, "nothing is known of the slices but themselves"
    workplace.runToPreview()
    assert len(workplace.workers) == 2


def testKeptPreviewIsAppliedWithWhatBelongsToIt(workplace):
    drawn = keptRun(workplace)
    workplace.logic.applyPreview()
    assert workplace.logic.state is State.IDLE
    assert (workplace.read().any(axis=(1, 2))).sum() == 2 + 4 and (workplace.read()[2] == drawn[2]).all()
    assert workplace.logic.results.run["painted_slices"] == {"1": [2, 15]}


def testKeptPreviewIsDiscardedAtOnce(workplace):
    drawn = keptRun(workplace)
    workplace.logic.discardPreview()
    assert workplace.logic.state is State.IDLE and workplace.logic.preview is None
    while workplace.logic.needsPolling:
        workplace.logic.poll()
    assert workplace.logic.results.run is None and (workplace.read() == drawn).all()


def testKeptPreviewOutlivesItsWorker(workplace):
    messages = []
    workplace.logic.failed.connect(messages.append)
    keptRun(workplace)
    workplace.workers[0].died = True
    workplace.workers[0].failure = "The worker was killed."
    while workplace.logic.needsPolling:
        workplace.logic.poll()
    assert messages == ["The worker was killed."] and workplace.logic.state is State.PREVIEW
    workplace.logic.applyPreview()
    assert (workplace.read().any(axis=(1, 2))).sum() == 2 + 4


def testNextRunGoesBeforeWhatWasKept(workplace):
    keptRun(workplace)
    workplace.runToPreview()
    assert (workplace.logic.preview.masks()[workplace.organ].areas(0) > 0).sum() == 14
    assert len(workplace.logic.results.run["slices"]) == 12


def testNextRunWaitsForTheCancelledOne(workplace):
    logic = workplace.logic
    workplace.paint(0, [2, 15])
    logic.startPropagation()
    while logic.state is not State.RUNNING:
        logic.poll()
    logic.cancel()
    assert logic.state is State.IDLE and logic.needsPolling
    logic.startPropagation()
    assert len(workplace.workers[0].calls) == 1
    finish(logic)
    assert len(workplace.workers[0].calls) == 2 and logic.state is State.PREVIEW
    assert (logic.preview.masks()[workplace.organ].areas(0) > 0).sum() == 14


def testCancelledRunIsHeardOut(workplace):
    workplace.paint(0, [2, 15])
    workplace.logic.startPropagation()
    while workplace.logic.state is not State.RUNNING:
        workplace.logic.poll()
    workplace.logic.cancel()
    while workplace.logic.needsPolling:
        workplace.logic.poll()
    assert workplace.logic.state is State.IDLE and workplace.logic.preview is None
    assert workplace.logic.results.run is None


@pytest.mark.parametrize("died", [True, False])
def testFailureIsToldAndLeavesTheDrawing(workplace, died):
    logic, messages = workplace.logic, []
    logic.failed.connect(messages.append)
    drawn = workplace.paint(0, [2, 15])
    logic.startPropagation()
    logic.poll()
    workplace.workers[0].died = died
    workplace.workers[0].failure = "The worker ran out of memory; choose a smaller region."
    finish(logic)
    assert messages == ["The worker ran out of memory; choose a smaller region."]
    assert logic.state is State.IDLE and logic.preview is None and (workplace.read() == drawn).all()
    workplace.runToPreview()
    assert logic.state is State.PREVIEW


def testBlockingCallRaisesWhatFailed(workplace):
    workplace.paint(0, [2, 8])
    workplace.logic.propagate(interval=0)
    workplace.logic.discardPreview()
    workplace.workers[0].failure = "No."
    with pytest.raises(SceneError, match="No."):
        workplace.logic.propagate(interval=0)


def testVolumeChangedWhileRunning(workplace):
    messages = []
    workplace.logic.failed.connect(messages.append)
    workplace.paint(0, [2, 15])
    workplace.logic.startPropagation()
    workplace.logic.poll()
    slicer.util.arrayFromVolume(workplace.volume)[:] = 0
    slicer.util.arrayFromVolumeModified(workplace.volume)
    workplace.logic.poll()
    assert workplace.logic.state is State.IDLE and "changed" in messages[0]
    workplace.runToPreview()
    assert workplace.logic.state is State.PREVIEW


@pytest.mark.parametrize("which", ["volume", "segmentation"])
def testNodeRemovedWhileRunning(workplace, which):
    messages = []
    workplace.logic.failed.connect(messages.append)
    workplace.paint(0, [2, 15])
    workplace.logic.startPropagation()
    workplace.logic.poll()
    workplace.scene.RemoveNode(getattr(workplace, which))
    assert workplace.logic.state is State.IDLE and workplace.logic.preview is None
    assert len(messages) == 1 and "removed" in messages[0]
    assert getattr(workplace.logic, which + "Node") is None
    with pytest.raises(SceneError, match="Select a"):
        workplace.logic.startPropagation()


def testPreviewDeletedByTheUser(workplace):
    workplace.paint(0, [2, 15])
    workplace.runToPreview()
    workplace.scene.RemoveNode(workplace.logic.preview.node)
    assert workplace.logic.state is State.IDLE
    workplace.runToPreview()
    assert workplace.logic.state is State.PREVIEW


@pytest.mark.parametrize("when", ["running", "preview"])
def testSceneClose(workplace, when):
    workplace.paint(0, [2, 15])
    workplace.logic.startPropagation()
    workplace.logic.poll()
    if when == "preview":
        finish(workplace.logic)
    workplace.scene.Clear(False)
    logic = workplace.logic
    assert logic.state is State.IDLE and logic.volumeNode is None and logic.results.run is None
    logic.poll()
    with pytest.raises(SceneError, match="Select a volume"):
        logic.startPropagation()


def testSavedSceneComesBackWithPreviewAndResults(workplace, tmp_path):
    scene = workplace.scene
    drawn = workplace.paint(0, [3, 12])
    workplace.logic.painting.setNotOnSlice(15)
    workplace.logic.parameters = Parameters(seed=5, entropyOpacity=0.25)
    workplace.runToPreview()
    proposal = workplace.logic.preview.masks()[workplace.organ].filled()
    workplace.logic.views.updateEntropy()
    uncertainty = workplace.logic.views.slicesToReview()
    workplace.logic.shutdown()
    path = tmp_path / "é scene.mrb"
    assert scene.WriteToMRB(str(path))
    scene.Clear(True)
    assert scene.ReadFromMRB(str(path))
    logic = PatchICLSegmentLogic(scene, makeWorker=workplace.makeWorker)
    assert logic.state is State.PREVIEW and logic.parameters.seed == 5
    again = logic.views.slicesToReview()
    assert [(row.index, row.uncertainty) for row in again] == [(row.index, row.uncertainty) for row in uncertainty]
    assert len(logic.results.selections) == 10
    assert logic.results.entropyNode.GetImageData() is not None
    logic.applyPreview()
    workplace.volume, workplace.segmentation = logic.volumeNode, logic.segmentationNode
    assert (workplace.read() == proposal).all() and (workplace.read()[3] == drawn[3]).all()
    assert [row.index for row in logic.painting.slices()] == [3, 12, 15]
    logic.shutdown()


def testAppliedSceneRemembersWhatWasWritten(workplace, tmp_path):
    scene = workplace.scene
    workplace.paint(0, [3, 12])
    workplace.runToPreview()
    workplace.logic.applyPreview()
    workplace.logic.shutdown()
    path = str(tmp_path / "scene.mrb")
    assert scene.WriteToMRB(path)
    scene.Clear(True)
    assert scene.ReadFromMRB(path)
    logic = PatchICLSegmentLogic(scene, makeWorker=workplace.makeWorker)
    workplace.volume, workplace.segmentation = logic.volumeNode, logic.segmentationNode
    assert [row.index for row in logic.painting.slices()] == [3, 12]
    mask = workplace.read()
    mask[6, 6, 6] = ~mask[6, 6, 6]
    workplace.write(mask)
    assert [row.index for row in logic.painting.slices()] == [3, 6, 12]
    logic.shutdown()


def testProvenanceIsInTheScene(workplace):
    import vtk

    workplace.paint(0, [3, 12])
    workplace.runToPreview()
    workplace.logic.applyPreview()
    report = json.loads(workplace.logic.results.reportNode.GetText())
    assert report["volume"] == "ct" and report["segments"]["1"]["id"] == workplace.organ
    assert report["weights"]["sha256"] == "0" * 64 and report["painted_slices"] == {"1": [3, 12]}
    tag = vtk.mutable("")
    segment = workplace.segmentation.GetSegmentation().GetSegment(workplace.organ)
    assert segment.GetTag("PatchICL.WeightsSHA256", tag) and str(tag) == "0" * 64


def testMovedVolumeGivesTheSameMask(workplace):
    workplace.paint(0, [3, 12])
    workplace.runToPreview()
    straight = workplace.logic.preview.masks()[workplace.organ].filled()
    transform = workplace.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = np.eye(4)
    matrix[:3, 3] = [5, -7, 6.3]
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    for node in (workplace.volume, workplace.segmentation):
        node.SetAndObserveTransformNodeID(transform.GetID())
    workplace.runToPreview()
    assert (workplace.logic.preview.masks()[workplace.organ].filled() == straight).all()
    assert workplace.logic.preview.node.GetParentTransformNode() is transform
    assert workplace.logic.results.entropyNode.GetParentTransformNode() is transform
    workplace.logic.applyPreview()
    assert (workplace.read() == straight).all()


@pytest.mark.parametrize("steps", [(0, 0, 1), (0, -2, 0), (2, 0, 0), (-1, 1, 3)])
def testVolumeMovedAloneLeavesPropagatedSlicesPropagated(workplace, steps):
    """By whole voxels (k, j, i); else its voxels are no longer those of the segmentation, which is refused."""
    workplace.paint(0, [4, 13])
    workplace.runToPreview()
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
    assert [row.index for row in workplace.logic.painting.slices()] == moved
    workplace.logic.painting.setContext(moved[1], False)
    workplace.volume.SetAndObserveTransformNodeID(None)
    rows = workplace.logic.painting.slices()
    assert [(row.index, row.isContext) for row in rows] == [(2, True), (4, False), (8, True), (13, True)]


def testWhatIsMissingIsSaid(workplace):
    logic = workplace.logic
    with pytest.raises(SceneError, match="Nothing is painted"):
        logic.startPropagation()
    workplace.segmentation.GetDisplayNode().SetSegmentVisibility(workplace.organ, False)
    workplace.paint(0, [3])
    with pytest.raises(SceneError, match="hidden"):
        logic.startPropagation()
    workplace.segmentation.GetDisplayNode().SetAllSegmentsVisibility(False)
    logic.parameters = Parameters(scope="visible")
    with pytest.raises(SceneError, match="No segment is visible"):
        logic.startPropagation()
    workplace.segmentation.GetDisplayNode().SetAllSegmentsVisibility(True)
    logic.parameters = Parameters(extent="range", firstSlice=9, lastSlice=4)
    with pytest.raises(SceneError, match="range of slices is empty"):
        logic.startPropagation()
    logic.parameters = Parameters()
    logic.select(workplace.volume, workplace.segmentation, "")
    with pytest.raises(SceneError, match="Add a segment"):
        logic.startPropagation()
    assert logic.state is State.IDLE
    logic.select(workplace.volume, workplace.segmentation, workplace.organ)
    workplace.write(np.ones((18, 40, 48)))
    with pytest.raises(SceneError, match="Every slice is painted"):
        logic.startPropagation()


def testSecondStartWhileRunningIsRefused(workplace):
    workplace.paint(0, [3, 12])
    workplace.logic.startPropagation()
    with pytest.raises(SceneError, match="running already"):
        workplace.logic.startPropagation()


@pytest.mark.parametrize("how", ["intensity", "insideSegment", "outsideSegment"])
def testMaskingHoldsForApply(workplace, how):
    """Forbidden voxels stay as they were drawn, allowed ones become the proposal."""
    logic = workplace.logic
    drawn = workplace.paint(0, [3, 12])
    other = np.zeros_like(drawn)
    other[2:9, 4:11, 9:30] = True
    workplace.write(other, workplace.other)
    editorNode, node = logic.editorNode, slicer.vtkMRMLSegmentationNode
    editorNode.SetOverwriteMode(editorNode.OverwriteNone)
    if how == "intensity":
        editorNode.SetSourceVolumeIntensityMask(True)
        editorNode.SetSourceVolumeIntensityMaskRange(90, 400)
        image = slicer.util.arrayFromVolume(workplace.volume)
        allowed = (image >= 90) & (image <= 400)
    elif how == "insideSegment":
        editorNode.SetMaskMode(node.EditAllowedInsideSingleSegment)
        editorNode.SetMaskSegmentID(workplace.other)
        allowed = other
    else:
        editorNode.SetMaskMode(node.EditAllowedOutsideVisibleSegments)
        allowed = ~other
    workplace.runToPreview()
    proposal = logic.preview.masks()[workplace.organ].filled()
    logic.applyPreview()
    assert (workplace.read() == np.where(allowed, proposal, drawn)).all()
    assert (workplace.read(workplace.other) == other).all()
    assert [row.index for row in logic.painting.slices()] == [3, 12]


def testDrawingDuringThePreviewIsKept(workplace):
    workplace.paint(0, [3, 12])
    workplace.runToPreview()
    proposal = workplace.logic.preview.masks()[workplace.organ].filled()[7]
    drawn = workplace.paint(0, [7], size=20)
    workplace.logic.applyPreview()
    assert (workplace.read()[7] == drawn[7]).all() and (drawn[7] != proposal).any()


def testPreviewOfAnotherFrameIsNotApplied(workplace):
    scene = workplace.scene
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode")
    for value in ("0.0", "0.4"):
        sequence.SetDataNodeAtValue(workplace.volume, value)
    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    browser.AddProxyNode(workplace.volume, sequence, False)
    browser.SetSelectedItemNumber(0)
    drawn = workplace.paint(0, [3, 12])
    workplace.runToPreview()
    assert workplace.logic.results.run["frame"] == "0 (0.0)"
    browser.SetSelectedItemNumber(1)
    with pytest.raises(SceneError, match="frame 0"):
        workplace.logic.applyPreview()
    assert (workplace.read() == drawn).all()
    browser.SetSelectedItemNumber(0)
    workplace.logic.applyPreview()
    assert workplace.read()[7].any()


def testSelectedSegmentDecidesWhatIsReviewed(workplace):
    workplace.paint(0, [3, 8])
    workplace.paint(0, [4, 9], workplace.other)
    workplace.logic.parameters = Parameters(scope="visible")
    workplace.runToPreview()
    results = workplace.logic.results
    assert (results.labelOf(workplace.organ), results.labelOf(workplace.other)) == (1, 2)
    assert results.labelOf("stranger") is None
    assert workplace.logic.views.slicesToReview()
    workplace.logic.select(workplace.volume, workplace.segmentation, workplace.other)
    assert workplace.logic.views.slicesToReview() == [], "the stand-in worker tells uncertainty of label 1 only"


@pytest.mark.slow
def testLargeVolumeDoesNotBlock(scene):
    """512 x 512 x 300: the application's thread copies no volume for the table, and never waits for the worker."""
    import threading
    import tracemalloc

    from .conftest import NearestSliceWorker

    goOn = threading.Event()

    class SlowToTake(NearestSliceWorker):
        def propagate(self, *arguments, **options):
            assert goOn.wait(60)  # in vain where the application's thread waits for this
            return super().propagate(*arguments, **options)

    volume = slicer.util.addVolumeFromArray(np.zeros((300, 512, 512), np.int16), np.diag([-1, -1, 2, 1.0]), "big")
    logic = PatchICLSegmentLogic(scene, makeWorker=lambda *_: SlowToTake())
    logic.select(volume, None)
    segmentation = logic.createSegmentation()
    mask = np.zeros((300, 512, 512), np.uint8)
    mask[[60, 150, 240], 150:350, 150:350] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, segmentation, logic.segmentId, volume)
    tracemalloc.start()
    rows = logic.painting.slices()
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [row.index for row in rows] == [60, 150, 240]
    assert taken < mask.nbytes
    logic.startPropagation()
    for _turn in range(5):
        logic.poll()
        assert logic.progress is None
    goOn.set()
    done = 0
    while done < 20:
        logic.poll()
        before, done = done, 0 if logic.progress is None else logic.progress.done
        assert done - before <= 1  # what the worker has said by then, no more
    logic.cancel()
    logic.shutdown()
