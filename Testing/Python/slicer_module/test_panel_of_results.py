"""What the panel shows of a result: preview, uncertainty, inspection, logits."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6", reason="needs PySide6-Essentials")

from PatchICLSegmentLib.Logic import State


def testPreviewOpacityFollowsTheSlider(desk):
    desk.openPhantom().paintWithMouse(3, 14).propagate()
    desk.ui.previewOpacitySlider.setValue(0.2)
    assert desk.logic.preview.node.GetDisplayNode().GetOpacity2DFill() == pytest.approx(0.2)


def testUncertaintySection(desk):
    desk.openPhantom().paintWithMouse(3, 14)
    assert not desk.ui.nextSliceButton.enabled
    desk.propagate()
    assert desk.ui.uncertaintySection.collapsed, "read once in a while; what it suggests is Next slice"
    assert desk.ui.nextSliceButton.enabled
    table = desk.ui.reviewTable
    values = [float(table.item(row, 2).text()) for row in range(table.rowCount)]
    assert values == sorted(values, reverse=True) and len(values) == 10
    table.cellClicked.emit(0, 0)
    assert str(desk.logic.views.currentIndex()) == table.item(0, 0).text()
    desk.ui.plotButton.click()
    assert desk.application.plots == [desk.logic.results.chartNode]
    desk.ui.entropyCheckBox.click()
    assert desk.views[0].layers.GetForegroundVolumeID() is None
    desk.ui.reviewButton.click()
    assert desk.logic.segmentationNode.GetSegmentation().GetNumberOfSegments() == 2


def testInspectSectionFollowsTheSlice(desk, tmp_path):
    desk.openPhantom().paintWithMouse(3, 14).propagate()
    desk.ui.patchesCheckBox.click()
    desk.logic.views.jumpTo(8)
    desk.settle()
    assert desk.ui.levelTable.rowCount == 2 and "Slice 8" in desk.ui.inspectLabel.text
    assert sorted(desk.logic.views.patchLayers.nodes()) == [0, 1]
    assert desk.ui.levelSlider.maximum == 1 and desk.ui.levelName.text == "all"
    desk.ui.levelSlider.setValue(1)
    assert desk.ui.levelName.text == "2"
    desk.ui.levelTable.cellClicked.emit(0, 2)
    assert desk.logic.parameters.patchLevel == 0 and desk.ui.levelName.text == "1"
    desk.logic.views.jumpTo(3)
    desk.settle()
    assert "not predicted" in desk.ui.inspectLabel.text and desk.logic.views.patchLayers.nodes() == {}
    desk.application.folder = str(tmp_path / "export")
    desk.ui.exportButton.click()
    assert (tmp_path / "export" / "patchicl_selections.json").exists()


def testLogitsOfTheSliceOnRequest(desk, tmp_path):
    desk.openPhantom()
    assert not desk.ui.logitsButton.enabled
    desk.paintWithMouse(3, 14)
    desk.propagate()
    desk.ui.inspectSection.setProperty("collapsed", False)
    desk.logic.views.jumpTo(8)
    desk.settle()
    assert desk.ui.inspectPicture.visible and not desk.ui.logitsSelector.enabled
    height = desk.ui.inspectPicture.pixmap.height()
    desk.ui.logitsButton.click()
    assert "Asking" in desk.ui.inspectLabel.text and not desk.ui.logitsButton.enabled
    while desk.logic.logits.isBusy:
        desk.processEvents()
    desk.settle()
    assert desk.logic.state is State.PREVIEW and desk.ui.logitsSelector.enabled
    assert desk.ui.inspectPicture.pixmap.height() > height, "the logits are a further row of pictures"
    desk.ui.logitsSelector.setCurrentIndex(2)
    assert desk.logic.views.logitsLayer.node() is not None
    desk.logic.views.jumpTo(9)
    desk.settle()
    assert desk.logic.views.logitsLayer.node() is None and desk.ui.logitsButton.enabled
