"""The state machine: from painted slices to a preview, applied or discarded, and what can go wrong between."""

import numpy as np
import pytest
import slicer
import slicer.util
from PatchICLSegmentLib.Errors import SceneError
from PatchICLSegmentLib.Logic import PatchICLSegmentLogic
from PatchICLSegmentLib.Parameters import Parameters
from PatchICLSegmentLib.SceneIO.Nodes import nodesOfClass
from PatchICLSegmentLib.State import State

from Testing.StandIn.Headless import sequenceOf
from Testing.StandIn.Worker import NearestSliceWorker


def testPreviewThenApplyIsOneUndoStep(workplace):
    logic = workplace.logic
    drawn = workplace.paint(0, [3, 8, 14])
    otherDrawn = workplace.paint(0, [5], workplace.other)[5].sum()
    logic.startPropagation()
    assert logic.state is State.PREPARING
    workplace.finish()
    assert logic.state is State.PREVIEW
    assert (workplace.read() == drawn).all(), "nothing is written before Apply"
    proposal = workplace.proposal()
    logic.applyPreview()
    assert logic.state is State.IDLE and logic.preview is None
    result = workplace.read()
    assert (result == proposal).all() and result.any(axis=(1, 2)).sum() == 12
    assert (result[[3, 8, 14]] == drawn[[3, 8, 14]]).all()
    assert otherDrawn and workplace.read(workplace.other)[5].sum() <= otherDrawn
    assert logic.history().undo()
    assert (workplace.read() == drawn).all()
    assert workplace.indices() == [3, 8, 14]
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
    workplace.propagate(0, [3, 8])
    workplace.logic.applyPreview()
    workplace.propagate(0, [14])
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
    workplace.propagate(0, [3, 12])
    logic.applyPreview()
    assert workplace.indices() == [3, 12]
    corrected = workplace.read()
    corrected[7, 20:24, 20:24] = True
    workplace.write(corrected)
    assert workplace.indices() == [3, 7, 12]
    workplace.runToPreview()
    assert sorted(np.flatnonzero(workplace.workers[0].calls[-1].painted.any(axis=(1, 2)))) == [3, 7, 12]
    logic.applyPreview()
    assert (workplace.read()[7] == corrected[7]).all()


def testDrawAfreshClearsAndWaitsForTheDrawing(workplace):
    logic = workplace.logic
    workplace.propagate(0, [3, 12])
    logic.applyPreview()
    proposal = workplace.read()
    logic.painting.drawAfresh(7)
    assert not workplace.read()[7].any()
    assert workplace.indices() == [3, 12]
    logic.history().undo()
    assert (workplace.read() == proposal).all()
    logic.painting.drawAfresh(7)
    workplace.paint(0, [7])
    assert workplace.indices() == [3, 7, 12]


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
    assert workplace.indices() == [3, 8, 10]
    logic.painting.setNotOnSlice(10, False)
    assert workplace.indices() == [3, 8]
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
    assert workplace.indices() == [3]
    assert not workplace.read()[8].any()


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
    proposal = workplace.proposal()
    logic.applyPreview()
    assert (workplace.read() == np.where(allowed, proposal, drawn)).all()
    assert (workplace.read(workplace.other) == other).all()
    assert workplace.indices() == [3, 12]


def testPreviewOfAnotherFrameIsNotApplied(workplace):
    image = slicer.util.arrayFromVolume(workplace.volume).copy()
    browser, _sequence = sequenceOf(workplace.scene, workplace.volume, ("0.0", "0.4"), [image] * 2, 0)
    drawn = workplace.propagate(0, [3, 12])
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
