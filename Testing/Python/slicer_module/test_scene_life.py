"""The panel while the scene is closed, loaded and added to: nothing crashes, nothing stays locked, nothing is lost."""

import pytest

pytest.importorskip("PySide6", reason="needs PySide6-Essentials")

import numpy as np
import slicer
import slicer.util
from PatchICLSegmentLib.State import State

from Testing.StandIn.Headless import SceneCrash
from Testing.StandIn.SegmentEditorWidget import SegmentEditorWidget


def shown(desk):
    """What the widgets say is being worked on, by name."""
    editor = desk.ui.segmentEditor
    nodes = [
        desk.ui.volumeSelector.currentNode(),
        desk.ui.segmentationSelector.currentNode(),
        editor.sourceVolumeNode(),
        editor.segmentationNode(),
    ]
    return [node.GetName() if node is not None else None for node in nodes]


@pytest.mark.parametrize(
    ("closing", "effect", "left"),
    [
        ("clear", "Paint", False),
        ("clear", "", False),
        ("clear", "Paint", True),
        ("load", "Erase", False),
        ("load", "Paint", True),
    ],
)
def testSceneIsClosedWithTheEditorInUse(desk, tmp_path, closing, effect, left):
    desk.openPhantom().paintWithMouse(4, 9)
    desk.ui.segmentEditor.setActiveEffectByName(effect)
    path = str(tmp_path / "scene.mrb")
    assert desk.scene.WriteToMRB(path)
    if left:
        desk.panel.exit()
        # Slicer gives the keys and the mouse to whichever module is shown, but a script may activate an effect.
        desk.ui.segmentEditor.setActiveEffectByName(effect)
    if closing == "clear":
        desk.scene.Clear(False)
        expected = [None] * 4
    else:
        desk.scene.SetURL(path)
        desk.scene.Clear(False)
        assert desk.scene.ReadFromMRB(path)
        expected = ["ct", "ct segmentation"] * 2
    desk.settle()
    if left:
        desk.panel.enter()
        desk.settle()
    assert shown(desk) == expected
    desk.openPhantom().paintWithMouse(6)
    assert 6 in [row.index for row in desk.logic.painting.slices()], "the editor can be used again"


def testSceneIsAddedWhilePainting(desk, tmp_path):
    desk.openPhantom().paintWithMouse(4, 9)
    path = str(tmp_path / "scene.mrml")
    desk.scene.SetURL(path)
    desk.scene.Commit()
    desk.paintWithMouse(13)
    desk.scene.SetURL(path)
    desk.scene.Import()
    assert not desk.ui.segmentEditor.viewsObserved
    desk.settle()
    assert desk.ui.volumeSelector.count == 3, "two volumes and None"
    nodes = desk.logic.volumeNode, desk.logic.segmentationNode
    assert None not in nodes
    editor = desk.ui.segmentEditor
    assert (desk.ui.volumeSelector.currentNode(), desk.ui.segmentationSelector.currentNode()) == nodes
    assert (editor.sourceVolumeNode(), editor.segmentationNode()) == nodes


@pytest.mark.parametrize("left", [False, True], ids=["entered", "left"])
def testTheSelectedSegmentIsThatOfTheLoadedScene(desk, tmp_path, left):
    """The editor takes the first segment of a segmentation that it has not shown before."""
    desk.openPhantom().paintWithMouse(4, 9)
    desk.ui.segmentEditor.addButton.click()
    desk.paintWithMouse(12)
    selected = desk.logic.segmentId
    assert selected != desk.logic.segmentationNode.GetSegmentation().GetNthSegmentID(0)
    path = str(tmp_path / "scene.mrb")
    assert desk.scene.WriteToMRB(path)
    if left:
        desk.panel.exit()
    desk.scene.Clear(False)
    assert desk.scene.ReadFromMRB(path)
    desk.settle()
    if left:
        desk.panel.enter()
    assert desk.logic.segmentId == desk.ui.segmentEditor.currentSegmentID() == selected
    assert [row.index for row in desk.logic.painting.slices()] == [12]
    desk.ui.segmentEditor.setCurrentSegmentID(desk.logic.segmentationNode.GetSegmentation().GetNthSegmentID(0))
    desk.panel.refresh()
    assert [row.index for row in desk.logic.painting.slices()] == [4, 9], "another one can be selected"


def started(desk):
    """A run that has filled some slices."""
    desk.openPhantom().paintWithMouse(2, 16)
    desk.startUntil(3)


def isFree(desk):
    inputs = desk.ui.volumeSelector, desk.ui.segmentationSelector, desk.ui.tryItButton, desk.ui.propagateButton
    return all(widget.enabled for widget in inputs) and not desk.ui.cancelButton.visible


@pytest.mark.parametrize("load", [False, True], ids=["closed", "replaced"])
def testPanelIsFreeAfterTheSceneOfARunIsGone(desk, tmp_path, load):
    desk.openPhantom()
    path = str(tmp_path / "scene.mrb")
    assert desk.scene.WriteToMRB(path)
    states = []
    desk.logic.stateChanged.connect(lambda: states.append((desk.logic.state, desk.scene.IsClosing())))
    started(desk)
    assert not isFree(desk)
    desk.scene.Clear(False)
    assert states[-1] == (State.IDLE, False), "told once the scene is closed"
    if load:
        assert desk.scene.ReadFromMRB(path)
    assert isFree(desk) and desk.ui.paintedTable.rowCount == 0
    desk.settle()
    assert isFree(desk) and desk.ui.statusLabel.text == ""
    while desk.logic.needsPolling:
        desk.processEvents()
    started(desk)
    desk.waitWhileBusy()
    assert desk.logic.state is State.PREVIEW


def removeVolume(desk):
    desk.scene.RemoveNode(desk.logic.volumeNode)


def removeSegmentation(desk):
    desk.scene.RemoveNode(desk.logic.segmentationNode)


def removeSegment(desk):
    desk.logic.segmentationNode.GetSegmentation().RemoveSegment(desk.logic.segmentId)


def removePreview(desk):
    desk.scene.RemoveNode(desk.logic.preview.node)


def changeVolume(desk):
    slicer.util.arrayFromVolume(desk.volume)[0] = 0
    slicer.util.arrayFromVolumeModified(desk.volume)


def loseWorker(desk):
    desk.workers[0].failure = "The network ended without a word"


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (removeVolume, "ct was removed"),
        (removeSegmentation, "ct segmentation was removed"),
        (removeSegment, "Structure was removed"),
        (removePreview, "preview was removed"),
        (changeVolume, "changed"),
        (loseWorker, "without a word"),
    ],
)
def testReasonOfAnAbortStaysInSight(desk, end, reason):
    started(desk)
    end(desk)
    desk.waitWhileBusy()
    desk.settle()
    desk.panel.refresh()
    assert desk.logic.state is State.IDLE and isFree(desk)
    assert reason in desk.ui.statusLabel.text and desk.application.questions == []
    if desk.logic.currentPainting() is not None:
        desk.paintWithMouse(8)
        assert "slices to fill" in desk.ui.statusLabel.text, "until something is done about it"


def testProgressSurvivesLeavingTheModule(desk):
    started(desk)
    desk.panel.exit()
    before = desk.logic.progress.done
    while desk.logic.progress.done < before + 3:
        desk.processEvents()
    desk.panel.enter()
    assert desk.logic.state is State.RUNNING and desk.ui.cancelButton.visible
    done = desk.logic.progress.done
    assert desk.ui.progressBar.value == done and desk.ui.statusLabel.text.startswith(f"{done} of ")
    desk.panel.exit()
    while desk.logic.state.isBusy:
        desk.processEvents()
    desk.panel.enter()
    assert desk.logic.state is State.PREVIEW and desk.ui.applyButton.enabled
    desk.ui.applyButton.click()
    desk.ui.segmentEditor.undo()
    assert [row.index for row in desk.logic.painting.slices()] == [2, 16], "one undo step"


def testTheStandInCrashesAsSlicerDoes(application, qtApplication):
    """A host that does not let go: what the tests above would show."""
    volume = slicer.util.addVolumeFromArray(np.zeros((4, 5, 6), np.int16), np.eye(4), "ct")
    segmentation = application.scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    segmentation.GetSegmentation().AddEmptySegment("a", "a")
    node = application.scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
    for letGo in ([], ["effect"], ["segmentation"], ["views"], ["effect", "views"]):
        editor = SegmentEditorWidget()
        editor.setMRMLSegmentEditorNode(node)
        editor.setMRMLScene(application.scene)
        editor.setSegmentationNode(segmentation)
        editor.setSourceVolumeNode(volume)
        editor.setActiveEffectByName("Paint")
        actions = {
            "effect": lambda editor=editor: editor.setActiveEffect(None),
            "segmentation": lambda editor=editor: editor.setSegmentationNode(None),
            "views": editor.removeViewObservations,
        }
        tag = application.scene.AddObserver(
            application.scene.StartCloseEvent, lambda *_, names=letGo, do=actions: [do[name]() for name in names]
        )
        with pytest.raises(SceneCrash):
            application.scene.Clear(True)
        application.scene.RemoveObserver(tag)
        editor.setMRMLSegmentEditorNode(None)
        volume = slicer.util.addVolumeFromArray(np.zeros((4, 5, 6), np.int16), np.eye(4), "ct")
        segmentation = application.scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
        segmentation.GetSegmentation().AddEmptySegment("a", "a")
        node = application.scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
