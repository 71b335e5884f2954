"""The effect PatchICL in Slicer's own Segment Editor, with a mouse, beside the panel and without it."""

import pytest

pytest.importorskip("PySide6", reason="needs PySide6-Essentials")

from PatchICLSegmentLib.State import State
from PySide6 import QtCore, QtWidgets
from PySide6.QtTest import QTest

from Testing.StandIn.Desk import Desk
from Testing.StandIn.EditorDesk import EditorDesk


@pytest.fixture
def editorDesk(application, qtApplication):
    """The Segment Editor with the effect, entered."""
    desk = EditorDesk(application, qtApplication)
    yield desk
    desk.close()


@pytest.fixture
def bothDesks(application, qtApplication, editorDesk):
    """The Segment Editor with the effect on a painted phantom, and the panel, left again."""
    editorDesk.openPhantom()
    panelDesk = Desk(application, qtApplication, views=editorDesk.views)
    panelDesk.panel.exit()
    yield editorDesk, panelDesk
    panelDesk.close()


def testTheLibraryOfThePanelIsUsedInTheEffectToo(editorDesk):
    editorDesk.openPhantom()
    editorDesk.application.storeSetting("PatchICL/LibraryFolder", "cases")
    assert editorDesk.logic.library.folder == ""
    editorDesk.editor.setActiveEffectByName("PatchICL")
    assert editorDesk.logic.library.folder == "cases"


def testTheWholeStoryInsideTheSegmentEditor(editorDesk):
    desk = editorDesk.openPhantom().paintWithMouse(3, 9, 14)
    drawn = desk.voxels()
    assert desk.options is None, "made when it is chosen for the first time, not while Slicer starts"
    desk.activate()
    desk.settle()
    assert "slices to fill" in desk.ui.statusLabel.text and not desk.ui.nextSliceButton.enabled
    desk.ui.propagateButton.click()
    assert desk.ui.cancelButton.visible and desk.ui.progressBar.visible and not desk.ui.scopeSelector.enabled
    desk.waitWhileBusy()
    assert desk.logic.state is State.PREVIEW and (desk.voxels() == drawn).all()
    desk.ui.previewOpacitySlider.setValue(0.2)
    assert desk.logic.preview.node.GetDisplayNode().GetOpacity2DFill() == pytest.approx(0.2, abs=0.01)
    desk.ui.nextSliceButton.click()
    assert desk.logic.views.currentIndex() == desk.logic.views.nextSlice() not in (3, 9, 14)
    proposal = desk.logic.preview.masks()[desk.editor.currentSegmentID()].filled()
    desk.ui.applyButton.click()
    assert desk.logic.state is State.IDLE and not desk.ui.applyButton.enabled
    result = desk.voxels()
    assert (result[[3, 9, 14]] == drawn[[3, 9, 14]]).all() and (result == proposal).all()
    assert result.any(axis=(1, 2)).sum() == 12
    desk.editor.undoButton.click()
    assert (desk.voxels() == drawn).all(), "one step of the Segment Editor's own undo"
    desk.editor.redoButton.click()
    assert (desk.voxels() == result).all()


def testOtherEffectsWhileItRuns(editorDesk):
    """Deactivated and activated again during a run: nothing is lost, and slices come meanwhile."""
    desk = editorDesk.openPhantom().paintWithMouse(3, 14)
    desk.activate()
    desk.startUntil(2)
    desk.activate("Paint")
    assert not desk.options.widget.isVisible()
    desk.runUntil(5)
    desk.activate()
    assert desk.logic.state is State.RUNNING and desk.ui.progressBar.visible and desk.ui.progressBar.value >= 5
    assert "of 10 slices" in desk.ui.statusLabel.text
    desk.ui.keepButton.click()
    desk.settle()
    assert desk.logic.state is State.PREVIEW and desk.ui.applyButton.enabled
    desk.ui.discardButton.click()
    assert desk.logic.state is State.IDLE and len(desk.workers) == 1


def testUpdateWhilePaintingWithAnotherEffect(editorDesk):
    desk = editorDesk.openPhantom().paintWithMouse(3, 14)
    desk.activate()
    desk.ui.liveCheckBox.setChecked(True)
    desk.logic.clock = lambda: 0.0
    desk.paintWithMouse(9)
    assert desk.logic.state is State.IDLE
    desk.logic.clock = lambda: 1.5
    desk.settle()
    desk.waitWhileBusy()
    assert desk.logic.state is State.PREVIEW and len(desk.logic.preview.filled) >= 9


def testAnotherSegmentIsWorkedOn(editorDesk):
    desk = editorDesk.openPhantom()
    desk.activate()
    desk.editor.addButton.click()
    first, second = list(desk.segmentation.GetSegmentation().GetSegmentIDs())
    desk.editor.setCurrentSegmentID(second)
    desk.settle()
    assert desk.logic.segmentId == second
    desk.paintWithMouse(3, 14)
    desk.activate()
    desk.propagate()
    told = []
    desk.logic.paintingChanged.connect(lambda: told.append(desk.logic.segmentId))
    desk.ui.applyButton.click()
    assert desk.logic.segmentId == second and len(told) == 1, "told once, not for each step of the writing"
    assert desk.voxels().any(axis=(1, 2)).sum() == 12


def testProblemsAreSentencesWithTheirRemedy(editorDesk):
    desk = editorDesk.openPhantom()
    desk.activate()
    desk.ui.propagateButton.click()
    assert "Nothing is painted" in desk.ui.statusLabel.text and not desk.ui.remedyButton.visible
    desk.installer.ready = False
    desk.ui.propagateButton.click()
    assert "More..." in desk.ui.statusLabel.text and desk.logic.state is State.IDLE
    desk.ui.moreButton.click()
    assert desk.application.modulesOpened == 1


def testThePanelGoesOnWithWhatTheEffectBegan(bothDesks):
    """One logic: a run begun in the Segment Editor is seen in the panel, which applies it with its own undo."""
    editorDesk, panelDesk = bothDesks
    editorDesk.paintWithMouse(3, 14)
    drawn = editorDesk.voxels()
    editorDesk.activate()
    editorDesk.startUntil(3)
    assert panelDesk.logic is editorDesk.logic
    editorDesk.module.exit()
    panelDesk.panel.enter()
    assert panelDesk.ui.cancelButton.visible and panelDesk.ui.progressBar.value >= 3
    assert panelDesk.ui.volumeSelector.currentNode() is editorDesk.volume
    assert panelDesk.ui.segmentEditor.segmentationNode() is editorDesk.segmentation
    assert panelDesk.ui.segmentEditor.currentSegmentID() == editorDesk.editor.currentSegmentID()
    panelDesk.waitWhileBusy()
    panelDesk.ui.applyButton.click()
    assert editorDesk.voxels().any(axis=(1, 2)).sum() == 12
    panelDesk.ui.segmentEditor.undoButton.click()
    assert (editorDesk.voxels() == drawn).all(), "undone where it was applied"
    assert len(editorDesk.workers) == 1


def testTheEffectGoesOnWithWhatThePanelBegan(bothDesks):
    editorDesk, panelDesk = bothDesks
    editorDesk.module.exit()
    panelDesk.panel.enter()
    panelDesk.volume = editorDesk.volume
    panelDesk.ui.volumeSelector.setCurrentNode(editorDesk.volume)
    panelDesk.ui.segmentationSelector.setCurrentNode(editorDesk.segmentation)
    panelDesk.settle()
    panelDesk.paintWithMouse(3, 14)
    panelDesk.startUntil(3)
    panelDesk.panel.exit()
    editorDesk.module.enter()
    assert editorDesk.editor.segmentationNode() is editorDesk.segmentation, "the Segment Editor keeps its choices"
    editorDesk.activate()
    assert editorDesk.ui.cancelButton.visible and editorDesk.ui.progressBar.value >= 3
    editorDesk.waitWhileBusy()
    drawn = editorDesk.voxels()
    editorDesk.ui.applyButton.click()
    editorDesk.editor.undoButton.click()
    assert (editorDesk.voxels() == drawn).all()


def testBothInSightWhoeverIsUsedTakesOver(bothDesks):
    """The Segment Editor can be shown beside the panel; segment, masking and undo are those of whoever is used."""
    editorDesk, panelDesk = bothDesks
    editorDesk.paintWithMouse(3, 14)
    panelDesk.panel.enter()
    editorDesk.activate()
    logic, own = editorDesk.logic, editorDesk.module.parameterSetNode
    assert logic.editorNode is own
    editorDesk.ui.propagateButton.click()
    assert not panelDesk.ui.propagateButton.enabled and panelDesk.ui.cancelButton.visible, "the other shows the run"
    editorDesk.waitWhileBusy()
    panelDesk.ui.applyButton.click()
    assert logic.editorNode is panelDesk.ui.segmentEditor.editorNode is not own
    assert editorDesk.voxels().any(axis=(1, 2)).sum() == 12
    editorDesk.ui.propagateButton.click()
    assert logic.editorNode is own
    editorDesk.waitWhileBusy()


def testEachKeyBelongsToTheHostThatWasUsedLast(bothDesks):
    """Both are in the main window, where Qt obeys neither of two owners of a key."""
    editorDesk, panelDesk = bothDesks
    editorDesk.paintWithMouse(3, 14)
    window = QtWidgets.QMainWindow()
    editorDesk.application.mainWindow = panelDesk.application.mainWindow = window
    window.show()
    logic, control, shift = editorDesk.logic, QtCore.Qt.ControlModifier, QtCore.Qt.ShiftModifier
    runs = []
    logic.stateChanged.connect(lambda: runs.append(logic.editorNode) if logic.state is State.PREPARING else None)

    def propagatesIn(node):
        runs.clear()
        window.activateWindow()
        editorDesk.processEvents()
        QTest.keyClick(window, QtCore.Qt.Key_Return, control)
        assert runs == [node]
        logic.cancel()

    own, panels = editorDesk.module.parameterSetNode, panelDesk.ui.segmentEditor.editorNode
    editorDesk.activate()
    propagatesIn(own)
    panelDesk.panel.enter()
    propagatesIn(panels)
    editorDesk.ui.propagateButton.click()
    logic.cancel()
    propagatesIn(own)
    panelDesk.ui.notOnSliceButton.click()
    propagatesIn(panels)
    editorDesk.activate("Paint")
    editorDesk.activate()
    propagatesIn(own)
    index = logic.views.currentIndex()
    QTest.keyClick(window, QtCore.Qt.Key_X, control | shift)
    assert [row.declaredEmpty for row in logic.painting.slices() if row.index == index] == [True], "the panel's alone"
    editorDesk.activate("Paint")
    propagatesIn(panels)
    panelDesk.panel.exit()
    QTest.keyClick(window, QtCore.Qt.Key_Return, control)
    assert logic.state is State.IDLE


def testParametersAreTheSameInBothHosts(bothDesks):
    editorDesk, panelDesk = bothDesks
    editorDesk.activate()
    editorDesk.ui.scopeSelector.setCurrentIndex(1)
    editorDesk.module.exit()
    panelDesk.panel.enter()
    assert panelDesk.ui.scopeSelector.currentIndex == 1
    panelDesk.ui.liveCheckBox.setChecked(True)
    panelDesk.panel.exit()
    editorDesk.module.enter()
    editorDesk.activate()
    assert editorDesk.ui.liveCheckBox.checked


def testThePanelsEditorDoesNotShowTheEffect(bothDesks):
    editorDesk, panelDesk = bothDesks
    assert editorDesk.editor.effectButtons["PatchICL"].isVisibleTo(editorDesk.editor)
    assert not editorDesk.editor.effectButtons["PatchICL"].icon.isNull()
    embedded = panelDesk.ui.segmentEditor
    panelDesk.panel.enter()
    assert not embedded.effectButtons["PatchICL"].isVisibleTo(embedded)
    shown = [name for name, button in embedded.effectButtons.items() if button.isVisibleTo(embedded)]
    assert shown == list(embedded.EFFECTS), "all others are shown"


def testEffectsRegisteredLaterAreShownInThePanelsEditor(desk):
    """The panel may be the start-up module, made before extensions register their effects."""
    import slicer

    from Testing.StandIn import SegmentEditorEffects

    SegmentEditorEffects.install()

    class Cloning(SegmentEditorEffects.AbstractScriptedSegmentEditorEffect):
        def clone(self):
            effect = SegmentEditorEffects.ScriptedEffect()
            effect.name, effect._effect = self.scriptedEffect.name, self
            return effect

    for name in ("PatchICL", "Other"):
        effect = SegmentEditorEffects.ScriptedEffect()
        effect.name = name
        effect._effect = Cloning(effect)
        assert slicer.qSlicerSegmentEditorEffectFactory.instance().registerEffect(effect)
    desk.panel.exit()
    desk.panel.enter()
    buttons = desk.ui.segmentEditor.effectButtons
    assert buttons["Other"].isVisibleTo(desk.ui.segmentEditor)
    assert not buttons["PatchICL"].isVisibleTo(desk.ui.segmentEditor)


def testSceneClosedDuringARunWithTheEffectActive(editorDesk):
    desk = editorDesk.openPhantom().paintWithMouse(3, 14)
    desk.activate()
    desk.startUntil(2)
    desk.scene.Clear(False)
    desk.settle()
    assert desk.logic.state is State.IDLE and desk.editor.activeEffectName == ""
    desk.openPhantom().paintWithMouse(4, 13)
    desk.activate()
    desk.propagate()
    desk.ui.applyButton.click()
    assert desk.voxels().any(axis=(1, 2)).sum() == 10


def testSceneClosedWhileThePanelIsHiddenAndTheEffectDrives(bothDesks):
    editorDesk, panelDesk = bothDesks
    editorDesk.paintWithMouse(3, 14)
    editorDesk.activate()
    editorDesk.startUntil(2)
    editorDesk.scene.Clear(False)
    editorDesk.settle()
    editorDesk.module.exit()
    panelDesk.panel.enter()
    panelDesk.openPhantom()
    panelDesk.paintWithMouse(3, 14)
    panelDesk.propagate()
    panelDesk.ui.applyButton.click()
    assert panelDesk.logic.currentPainting().box.areas(0).astype(bool).sum() == 12


def testReloadOfTheModuleLeavesOneLogic(bothDesks):
    """The logic ends with the panel; the effect, active or not, goes on with the new one."""
    editorDesk, panelDesk = bothDesks
    editorDesk.paintWithMouse(3, 14)
    editorDesk.activate()
    editorDesk.startUntil(3)
    before, options = editorDesk.logic, editorDesk.options
    editorDesk.module.exit()
    told = []
    for signal in (before.paintingChanged, before.stateChanged, before.resultsChanged):
        signal.connect(lambda: told.append(before.state))
    panelDesk.panel.cleanup()
    assert options.isOver and not told, "widgets that are about to go are told nothing"
    after = editorDesk.makeLogic(editorDesk.scene)
    assert after is not before and after.state is State.UNFINISHED
    editorDesk.logic = after
    editorDesk.module.enter()
    editorDesk.activate()
    assert editorDesk.options is not options and editorDesk.options.logic is after
    assert "Keep what is there" in editorDesk.ui.applyButton.text and editorDesk.ui.propagateButton.text == "Go on"
    editorDesk.ui.applyButton.click()
    editorDesk.ui.applyButton.click()
    assert after.state is State.IDLE and editorDesk.voxels().any(axis=(1, 2)).sum() >= 5


def testAClosedSegmentEditorLeavesTheLogicToOthers(bothDesks):
    editorDesk, panelDesk = bothDesks
    editorDesk.paintWithMouse(3, 14)
    editorDesk.activate()
    editorDesk.module.exit()
    editorDesk.editor.cleanup()
    assert editorDesk.logic.undoKeeper is None, "nothing that is gone keeps undo states"
    editorDesk.logic.propagate()
    editorDesk.logic.applyPreview()
    assert editorDesk.voxels().any(axis=(1, 2)).sum() == 12
