"""A run that fails, loses what it works on, or may not begin."""

import numpy as np
import pytest
from PatchICLSegmentLib.Errors import SceneError
from PatchICLSegmentLib.Parameters import Parameters
from PatchICLSegmentLib.State import State


@pytest.mark.parametrize("died", [True, False])
def testFailureIsToldAndLeavesTheDrawing(workplace, died):
    logic, messages = workplace.logic, []
    logic.failed.connect(messages.append)
    drawn = workplace.paint(0, [2, 15])
    logic.startPropagation()
    logic.poll()
    workplace.workers[0].died = died
    workplace.workers[0].failure = "The worker ran out of memory; choose a smaller region."
    workplace.finish()
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


@pytest.mark.parametrize("which", ["volume", "segmentation"])
def testNodeRemovedWhileRunning(workplace, which):
    workplace.paint(0, [2, 15])
    workplace.logic.startPropagation()
    workplace.logic.poll()
    workplace.scene.RemoveNode(getattr(workplace, which))
    assert workplace.logic.state is State.IDLE and workplace.logic.preview is None
    assert len(workplace.messages) == 1 and "removed" in workplace.messages[0]
    assert getattr(workplace.logic, which + "Node") is None
    with pytest.raises(SceneError, match="Select a"):
        workplace.logic.startPropagation()


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
