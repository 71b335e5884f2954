"""The panel under real Qt: widgets, clicks and keys, over the same .ui file that Slicer loads."""

import time
from dataclasses import fields

import numpy as np
import pytest

pytest.importorskip("PySide6", reason="needs PySide6-Essentials")

import slicer
import slicer.util
from PatchICLSegmentLib.Logic import State
from PatchICLSegmentLib.Parameters import Parameters
from PatchICLSegmentLib.SceneIO.Volumes import gridOfVolume
from PySide6 import QtCore
from PySide6.QtTest import QTest

from Testing.StandIn.Worker import NearestSliceWorker

from .conftest import warpNode


def testOpensEmptyAndSaysWhatToDo(desk):
    assert "Select a volume" in desk.ui.paintedLabel.text
    desk.ui.propagateButton.click()
    assert desk.ui.statusLabel.text == "Select a volume first."
    for button in (desk.ui.notOnSliceButton, desk.ui.drawAfreshButton, desk.ui.removeSliceButton, desk.ui.exportButton):
        assert not button.enabled
    assert not desk.ui.cancelButton.visible and not desk.ui.applyButton.enabled


def testSegmentationIsCreatedWithTheVolume(desk):
    desk.openPhantom()
    assert desk.logic.segmentationNode is desk.ui.segmentationSelector.currentNode()
    assert desk.ui.segmentEditor.segmentationNode() is desk.logic.segmentationNode
    assert desk.views[0].layers.GetBackgroundVolumeID() == desk.volume.GetID()
    assert desk.ui.segmentEditor.table.rowCount == 1
    assert desk.ui.segmentEditor.editorNode.GetSingletonTag() == "PatchICLSegment", "not the Segment Editor's own node"


def testPaintedSlicesAppearAsPicturesAndInTheTable(desk):
    desk.openPhantom().paintWithMouse(4, 9, 13)
    table, strip = desk.ui.paintedTable, desk.ui.paintedStrip
    assert [strip.item(row).text() for row in range(strip.count)] == ["S 10.0", "S 22.5", "S 32.5"]
    assert not strip.item(0).icon().isNull() and "Slice 4, S 10.0 mm" in strip.item(0).toolTip()
    assert [table.item(row, 1).text() for row in range(table.rowCount)] == ["4", "9", "13"]
    assert table.item(0, 2).text() == "S 10.0 mm"
    voxels = (
        slicer.util.arrayFromSegmentBinaryLabelmap(desk.logic.segmentationNode, desk.logic.segmentId)[4] > 0
    ).sum()
    assert table.item(0, 3).text() == f"{voxels * 0.9 * 0.8:.0f} mm²"
    desk.ui.paintedTable.cellClicked.emit(1, 1)
    desk.settle()
    assert desk.logic.views.currentIndex() == 9 and strip.currentRow == 1, "the slice in sight is marked"
    click(strip, 2)
    assert desk.logic.views.currentIndex() == 13
    assert not strip.hasFocus(), "a click leaves the keys to the views"
    strip.setFocus()
    QTest.keyClick(strip, QtCore.Qt.Key_Left)
    QTest.keyClick(strip, QtCore.Qt.Key_Return)
    assert desk.logic.views.currentIndex() == 9
    desk.logic.views.jumpTo(7)
    desk.settle()
    assert strip.currentRow == -1
    before = strip.item(1).icon().pixmap(48, 48).toImage()
    table.item(1, 0).setCheckState(QtCore.Qt.Unchecked)
    desk.settle()
    assert [row.isContext for row in desk.logic.painting.slices()] == [True, False, True]
    assert strip.item(1).icon().pixmap(48, 48).toImage() != before, "what is no context is pale"
    table.setCurrentCell(2, 1)
    desk.ui.removeSliceButton.click()
    assert [row.index for row in desk.logic.painting.slices()] == [4, 9]


def click(strip, row):
    """On the middle of an entry of a QListWidget, with the mouse."""
    QTest.mouseClick(strip.viewport(), QtCore.Qt.LeftButton, pos=strip.visualItemRect(strip.item(row)).center())


def testInputsFoldOnceTheyAreChosen(desk):
    assert not desk.ui.inputSection.collapsed
    desk.openPhantom()
    assert desk.ui.inputSection.collapsed and desk.ui.inputSection.text == "ct · ct segmentation"
    desk.ui.inputSection.setProperty("collapsed", False)
    desk.paintWithMouse(4)
    assert not desk.ui.inputSection.collapsed, "stays as the user left it"
    desk.volume.SetName("a name that is much longer than the panel is wide")
    desk.panel.refresh()
    assert desk.ui.inputSection.text == "a name that is mu… · ct segmentation"
    desk.ui.segmentationSelector.setCurrentNode(None)
    assert not desk.ui.inputSection.collapsed and "ct" not in desk.ui.inputSection.text


def testButtonsWhileRunning(desk):
    desk.openPhantom().paintWithMouse(3, 14)
    desk.ui.propagateButton.click()
    assert desk.logic.state is State.PREPARING
    assert not desk.ui.propagateButton.enabled and desk.ui.cancelButton.visible and desk.ui.progressBar.visible
    assert not desk.ui.volumeSelector.enabled and not desk.ui.drawAfreshButton.enabled
    texts = set()
    while desk.logic.state.isBusy:
        desk.processEvents()
        texts.add(desk.ui.statusLabel.text)
    assert any("of 10 slices, about" in text for text in texts)
    assert desk.ui.applyButton.enabled and desk.ui.discardButton.enabled and desk.ui.previewOpacitySlider.visible
    assert not desk.ui.cancelButton.visible and desk.ui.propagateButton.text == "Propagate again"
    desk.ui.discardButton.click()
    assert desk.logic.state is State.IDLE and not desk.ui.applyButton.enabled


@pytest.mark.parametrize("keep", [True, False])
def testUnfinishedPreviewOffersToKeepToDiscardOrToGoOn(desk, tmp_path, keep):
    desk.openPhantom().paintWithMouse(2, 16)
    desk.startUntil(3)
    desk.reload(str(tmp_path / "scene.mrb"))
    desk.settle()
    count = len(desk.logic.preview.filled)
    assert desk.logic.state is State.UNFINISHED and count >= 3
    assert f"{count} slices are there" in desk.ui.statusLabel.text
    assert desk.ui.applyButton.text == f"Keep what is there ({count})" and desk.ui.applyButton.enabled
    assert desk.ui.propagateButton.text == "Go on" and desk.ui.discardButton.enabled
    (desk.ui.applyButton if keep else desk.ui.propagateButton).click()
    desk.waitWhileBusy()
    assert desk.logic.state is State.PREVIEW and desk.ui.applyButton.text == "Apply"
    desk.ui.applyButton.click()
    slices = desk.logic.currentPainting().box.areas(0) > 0
    assert slices.sum() == (2 + count if keep else 15)


def testPreviewThatDoesNotFitCanOnlyBeDiscarded(desk):
    desk.openPhantom().paintWithMouse(2, 16).propagate()
    desk.volume.SetSpacing(0.8, 0.9, 2.6)
    assert "discard it and propagate again" in desk.ui.statusLabel.text
    assert not desk.ui.applyButton.enabled and desk.ui.discardButton.enabled
    desk.volume.SetSpacing(0.8, 0.9, 2.5)
    assert desk.ui.applyButton.enabled and "Apply writes it" in desk.ui.statusLabel.text


@pytest.mark.parametrize("keep", [True, False])
def testCancelWithinASecond(desk, keep):
    desk.openPhantom().paintWithMouse(2, 16)
    desk.startUntil(3)
    start = time.monotonic()
    (desk.ui.keepButton if keep else desk.ui.cancelButton).click()
    assert time.monotonic() - start < 1.0
    assert desk.logic.state is (State.KEEPING if keep else State.IDLE)
    assert desk.ui.applyButton.enabled is keep and not desk.ui.cancelButton.visible
    while desk.logic.needsPolling:
        desk.processEvents()
    assert desk.logic.state is (State.PREVIEW if keep else State.IDLE)
    if keep:
        assert desk.ui.reviewTable.rowCount > 0, "the uncertainty has come"


def testShortcuts(desk):
    desk.openPhantom().paintWithMouse(3, 14)
    desk.key("Ctrl+Return")
    assert desk.logic.state.isBusy
    desk.waitWhileBusy()
    desk.key("Ctrl+Shift+N")
    assert desk.logic.views.currentIndex() == desk.logic.views.nextSlice()
    desk.key("Ctrl+Shift+Return")
    assert desk.logic.state is State.IDLE
    index = desk.logic.views.currentIndex()
    desk.key("Ctrl+Shift+D")
    assert index not in [row.index for row in desk.logic.painting.slices()]
    desk.key("Ctrl+Shift+X")
    assert [row.declaredEmpty for row in desk.logic.painting.slices() if row.index == index] == [True]


def testLeavingTheModuleFreesKeysAndMouse(desk):
    desk.openPhantom().paintWithMouse(3, 14)
    desk.panel.exit()
    assert desk.ui.segmentEditor.activeEffectName == "" and not desk.ui.segmentEditor.shortcutsInstalled
    desk.key("Ctrl+Return")
    assert desk.logic.state is State.IDLE
    desk.panel.enter()
    assert desk.ui.segmentEditor.shortcutsInstalled
    desk.key("Ctrl+Return")
    assert desk.logic.state.isBusy
    desk.waitWhileBusy()


def testStraySliceIsMarkedInTheTableAndCanBeTicked(desk):
    desk.openPhantom()
    mask = np.zeros(slicer.util.arrayFromVolume(desk.volume).shape, np.uint8)
    mask[[4, 10], 5:30, 5:30] = 1
    mask[6, 3, 3] = 1
    node = desk.logic.segmentationNode
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, desk.logic.segmentId, desk.volume)
    desk.panel.refresh()
    table = desk.ui.paintedTable
    texts = [table.item(row, 3).text() for row in range(3)]
    assert texts[1] == "ignored: a stray voxel" and all("mm²" in text for text in (texts[0], texts[2]))
    assert table.item(1, 0).checkState() == QtCore.Qt.Unchecked
    assert "2 painted slices along k; slice 6 is ignored" in desk.ui.paintedLabel.text
    table.item(1, 0).setCheckState(QtCore.Qt.Checked)
    assert [row.isContext for row in desk.logic.painting.slices()] == [True, True, True]
    table.item(1, 0).setCheckState(QtCore.Qt.Unchecked)
    assert table.item(1, 3).text() == "ignored: a stray voxel"
    desk.ui.useAllSlicesCheckBox.click()
    assert "mm²" in table.item(1, 3).text()


def testRotatedViewWarnsAndIsCured(desk):
    desk.openPhantom()
    assert not desk.ui.alignButton.visible
    turn = np.eye(4)
    turn[1:3, 1:3] = [[0.98, -0.199], [0.199, 0.98]]
    matrix = slicer.util.arrayFromVTKMatrix(desk.views[0].node.GetSliceToRAS())
    slicer.util.updateVTKMatrixFromArray(desk.views[0].node.GetSliceToRAS(), matrix @ turn)
    desk.views[0].node.UpdateMatrices()
    desk.settle()
    assert desk.ui.alignButton.visible and "Red" in desk.ui.rotatedLabel.text
    desk.ui.alignButton.click()
    assert not desk.ui.alignButton.visible


def testNonLinearTransformIsHardenedOnRequest(desk):
    desk.openPhantom().paintWithMouse(3, 14)
    warpNode(desk.scene, desk.volume)
    warp = desk.volume.GetTransformNodeID()
    desk.ui.propagateButton.click()
    assert "harden" in desk.ui.statusLabel.text and desk.ui.remedyButton.text == "Harden the transform"
    assert desk.volume.GetTransformNodeID() == warp and not desk.application.questions
    desk.ui.remedyButton.click()
    assert desk.volume.GetTransformNodeID() is None and "harden" not in desk.ui.paintedLabel.text


def testProblemOfThePaintingIsSaidWithItsRemedy(desk):
    desk.openPhantom()
    assert not desk.ui.remedyButton.visible
    desk.paintWithMouse(3, 14)
    original = desk.logic.segmentationNode
    finer = gridOfVolume(desk.volume).ijkToLocal @ np.diag([0.5, 0.5, 0.5, 1])
    elsewhere = slicer.util.addVolumeFromArray(np.zeros((9, 9, 9), np.int16), finer, "zoomed")
    desk.logic.select(elsewhere, original)
    desk.panel.refresh()
    assert "zoomed" in desk.ui.paintedLabel.text and desk.ui.paintedTable.rowCount == 0
    assert desk.ui.remedyButton.visible and desk.ui.remedyButton.text == f"Select {desk.volume.GetName()}"
    desk.ui.remedyButton.click()
    assert desk.ui.volumeSelector.currentNode() is desk.volume and desk.ui.paintedTable.rowCount == 2
    assert not desk.ui.remedyButton.visible and "painted slices" in desk.ui.paintedLabel.text
    desk.scene.RemoveNode(elsewhere)
    elsewhere = slicer.util.addVolumeFromArray(slicer.util.arrayFromVolume(desk.volume), finer, "zoomed")
    desk.scene.RemoveNode(desk.volume)
    desk.logic.select(elsewhere, original)
    desk.panel.refresh()
    assert desk.ui.remedyButton.text == "Make a copy"
    desk.ui.remedyButton.click()
    assert desk.ui.segmentationSelector.currentNode() is desk.logic.segmentationNode is not original
    assert not desk.ui.remedyButton.visible


def testWidgetsFollowParametersBothWays(desk):
    bound = desk.panel.binding.widgets
    unbound = {"reviewThreshold"} - bound.keys()
    assert bound.keys() == {description.name for description in fields(Parameters)} - unbound
    for description in fields(Parameters):
        if "choices" in description.metadata:
            assert bound[description.name].count == len(description.metadata["choices"])
    desk.ui.deviceSelector.setCurrentIndex(1)
    desk.ui.seedSpinBox.setValue(11)
    desk.ui.priorCheckBox.click()
    desk.ui.weightsEdit.setText(" mine ")
    desk.ui.weightsEdit.editingFinished.emit()
    desk.ui.entropyOpacitySlider.setValue(0.25)
    parameters = desk.logic.parameters
    assert (parameters.device, parameters.seed, parameters.usePrior, parameters.weights) == ("cpu", 11, False, "mine")
    assert parameters.entropyOpacity == 0.25
    desk.logic.parameters = Parameters(seed=3, extent="painted")
    desk.panel.binding.updateWidgets()
    assert desk.ui.seedSpinBox.value == 3 and desk.ui.extentSelector.currentIndex == 1
    assert desk.logic.parameters == Parameters(seed=3, extent="painted")


def testRegionOfInterest(desk):
    desk.openPhantom()
    desk.ui.fitRegionButton.click()
    assert "Nothing is painted" in desk.ui.statusLabel.text
    desk.paintWithMouse(5, 12)
    desk.ui.fitRegionButton.click()
    region = desk.ui.regionSelector.currentNode()
    assert region is desk.logic.regionNode and region.IsA("vtkMRMLMarkupsROINode")
    desk.panel.refresh()
    assert "Up to 14 slices" in desk.ui.statusLabel.text, "slices 1 to 16, two of them painted"
    desk.propagate()
    spans = desk.workers[0].calls[0].options["region"]
    assert [list(span) for span in spans] == desk.logic.results.run["region"]
    desk.ui.regionSelector.setCurrentNode(None)
    assert desk.logic.regionNode is None


def testShortMemoryIsTold(desk, monkeypatch):
    makeResult = NearestSliceWorker._result

    def resultOfAShortMemory(*arguments):
        result = makeResult(*arguments)
        result.report["memory_was_short"] = True
        return result

    monkeypatch.setattr(NearestSliceWorker, "_result", resultOfAShortMemory)
    desk.openPhantom().paintWithMouse(3, 14).propagate()
    assert "Memory was short" in desk.ui.statusLabel.text and desk.logic.state is State.PREVIEW


def testPanelStaysUsableWhileRunning(desk):
    desk.openPhantom().paintWithMouse(2, 16)
    desk.ui.propagateButton.click()
    desk.processEvents()
    desk.logic.views.jumpTo(5)
    desk.ui.entropyOpacitySlider.setValue(0.3)
    assert desk.logic.state.isBusy and desk.logic.parameters.entropyOpacity == 0.3
    desk.waitWhileBusy()
    assert desk.logic.state is State.PREVIEW


def testEstimateBeforeTheRun(desk):
    desk.openPhantom()
    assert desk.ui.statusLabel.text == ""
    desk.paintWithMouse(3, 14)
    assert desk.ui.statusLabel.text.startswith("Up to 16 slices to fill, about 0.5 GB")
    desk.ui.extentSelector.setCurrentIndex(1)
    desk.panel.refresh()
    assert desk.ui.statusLabel.text.startswith("Up to 10 slices")
    desk.propagate()
    desk.ui.discardButton.click()
    assert "about 1 s, " in desk.ui.statusLabel.text


def testRangeIsOnlyEnabledWhereItMatters(desk):
    assert not desk.ui.firstSliceSpinBox.enabled
    desk.ui.extentSelector.setCurrentIndex(2)
    assert desk.ui.firstSliceSpinBox.enabled and desk.ui.lastSliceSpinBox.enabled
