"""Several answers: stepped through, chosen as the preview, shown as contours, and gone with the preview."""

import numpy as np
import pytest
import slicer
from PatchICLSegmentLib.Errors import SceneError
from PatchICLSegmentLib.Parameters import Parameters
from PatchICLSegmentLib.State import State


def run(place, count: int = 3) -> list[np.ndarray]:
    """Asks for answers and gives the masks that the preview shows, one after the other."""
    place.logic.parameters = Parameters(candidates=count)
    place.painted = place.propagate(0, (4, 9))
    shown = []
    for number in range(place.logic.answers.count):
        place.logic.answers.show(number)
        shown.append(place.proposal())
    if shown:
        place.logic.answers.show(0)
    return shown


def testAnAnswerThatIsChosenIsAPreviewLikeAnyOther(workplace):
    answers = workplace.logic.answers
    shown = run(workplace)
    assert len(shown) == answers.count == 3
    assert len({mask.tobytes() for mask in shown}) == 3
    before = workplace.read()
    answers.showNext()
    answers.showNext()
    assert answers.number == 2 and answers.probability == 0.15
    assert (workplace.read() == before).all()
    workplace.logic.applyPreview()
    assert (workplace.read() == shown[2]).all()
    assert (workplace.read()[[4, 9]] == workplace.painted[[4, 9]]).all()
    assert answers.count == 0 and workplace.logic.state is State.IDLE
    assert workplace.logic.history().undo()
    assert (workplace.read() == before).all()


def testAfterTheLastComesTheFirst(workplace):
    shown = run(workplace, 2)
    answers = workplace.logic.answers
    numbers = []
    for _step in range(3):
        answers.showNext()
        numbers.append(answers.number)
        assert (workplace.proposal() == shown[answers.number]).all()
    assert numbers == [1, 0, 1]
    assert answers.mostDifferentSlice == 8


def testOneAnswerIsNothingToStepThrough(workplace):
    assert run(workplace, 1) == []
    assert workplace.workers[-1].calls[-1].options["candidates"] == 1
    with pytest.raises(SceneError, match="no other answer"):
        workplace.logic.answers.showNext()


def testAllAsContours(workplace):
    shown = run(workplace)
    answers, scene = workplace.logic.answers, workplace.scene
    count = scene.GetNumberOfNodes()
    answers.showContours(True)
    (node,) = [
        node for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if node.GetName().endswith("answers")
    ]
    segmentation, display = node.GetSegmentation(), node.GetDisplayNode()
    assert not display.GetVisibility2DFill() and display.GetVisibility2DOutline() and not node.GetSaveWithScene()
    found = [
        slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentId, workplace.volume) > 0
        for segmentId in segmentation.GetSegmentIDs()
    ]
    assert len(found) == 3
    for mask, expected in zip(found, shown, strict=True):
        assert (mask == expected).all()
    assert len({segmentation.GetSegment(one).GetColor() for one in segmentation.GetSegmentIDs()}) == 3
    answers.showContours(False)
    assert scene.GetNumberOfNodes() == count
    answers.showContours(True)
    workplace.logic.discardPreview()
    assert not answers.areContoursShown and answers.count == 0


def testContoursLieWhereThePreviewLies(workplace):
    run(workplace)
    logic, scene = workplace.logic, workplace.scene
    logic.answers.showContours(True)
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    for node in (workplace.segmentation, workplace.volume):
        node.SetAndObserveTransformNodeID(transform.GetID())
    assert logic.previewProblem is None
    (contours,) = [n for n in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if n.GetName().endswith("answers")]
    assert contours.GetTransformNodeID() == logic.preview.node.GetTransformNodeID() == transform.GetID()


@pytest.mark.parametrize("end", ["again", "apply", "scene closed", "preview removed", "segmentation removed"])
def testAnswersGoWithTheirPreview(workplace, end):
    run(workplace)
    logic, scene = workplace.logic, workplace.scene
    logic.answers.showContours(True)
    if end == "again":
        logic.startPropagation()
    elif end == "apply":
        logic.applyPreview()
    elif end == "scene closed":
        scene.Clear(0)
    else:
        scene.RemoveNode(logic.preview.node if end == "preview removed" else workplace.segmentation)
    assert logic.answers.count == 0 and not logic.answers.areContoursShown
    assert not [n for n in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if n.GetName().endswith("answers")]


def testAKeptRunHasOneAnswer(workplace):
    logic = workplace.logic
    logic.parameters = Parameters(candidates=4)
    workplace.paint(0, (2, 16))
    workplace.startUntil(3)
    logic.cancel(keepPartialResult=True)
    workplace.settle()
    assert logic.state is State.PREVIEW and logic.answers.count == 0


def testTheRowOfThePanel(desk):
    ui, logic = desk.ui, desk.logic
    row = (ui.answerLabel, ui.nextAnswerButton, ui.answerContoursCheckBox)
    desk.openPhantom().paintWithMouse(3, 14)
    assert not any(widget.visible for widget in row)
    ui.candidatesSpinBox.setValue(3)
    desk.key("Ctrl+Return")
    desk.waitWhileBusy()
    assert all(widget.visible for widget in row)
    assert ui.answerLabel.text == "Answer 1 of 3, the usual result, 50 %"
    desk.key("Ctrl+Shift+E")
    assert ui.answerLabel.text == "Answer 2 of 3, 25 %: differs most on slice 13" and logic.answers.number == 1
    ui.answerContoursCheckBox.click()
    assert logic.answers.areContoursShown
    ui.nextAnswerButton.click()
    assert logic.answers.number == 2 and ui.answerContoursCheckBox.checked
    shown = logic.preview.masks()[logic.segmentId].filled()
    ui.applyButton.click()
    assert not any(widget.visible for widget in row) and not logic.answers.areContoursShown
    assert logic.currentPainting().box.filled().sum() == shown.sum()
    desk.key("Ctrl+Shift+E")
    assert "no other answer" in ui.statusLabel.text
