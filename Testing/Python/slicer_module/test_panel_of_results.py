"""What the panel shows of a result: preview, uncertainty, inspection, logits."""

import pytest

pytest.importorskip("PySide6", reason="needs PySide6-Essentials")

import slicer
import slicer.util
from PatchICLSegmentLib.Logic import State
from PatchICLSegmentLib.SceneIO.SliceViews import currentSlice

from Testing.StandIn import PythonQt
from Testing.StandIn.Desk import Desk
from Testing.StandIn.Headless import SliceView


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


@pytest.fixture
def threeViews(application):
    names = {"Red": "Axial", "Green": "Coronal", "Yellow": "Sagittal"}
    views = [SliceView(application, *name, (320, 320)) for name in names.items()]
    desk = Desk(application, PythonQt.application(), views=views)
    yield desk.openPhantom()
    desk.close()


def paint(desk, axis, *parts):
    """Squares on slices at some parts of the way through the volume."""
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(desk.logic.segmentationNode, desk.logic.segmentId, desk.volume)
    for part in parts:
        mask.swapaxes(0, axis)[int(part * mask.shape[axis]), 5:15, 5:15] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        mask, desk.logic.segmentationNode, desk.logic.segmentId, desk.volume
    )
    desk.settle()


@pytest.mark.parametrize(
    ("axis", "view", "orientation", "letters"),
    [(0, "Red", "Axial", "SI"), (1, "Green", "Coronal", "AP"), (2, "Yellow", "Sagittal", "RL")],
)
def testNextSliceNamesItsViewAndPlace(threeViews, axis, view, orientation, letters):
    """Of the axis of the run, also once something else is painted along another."""
    desk, other = threeViews, (axis + 1) % 3
    paint(desk, axis, 0.3, 0.7)
    desk.propagate()
    desk.logic.applyPreview()
    segmentation = desk.logic.segmentationNode
    desk.logic.select(desk.volume, segmentation, segmentation.GetSegmentation().AddEmptySegment("", "next"))
    paint(desk, other, 0.5)
    assert (desk.logic.results.axis, desk.logic.painting.axis()) == (axis, other)
    before = currentSlice(desk.scene, desk.volume, other)
    desk.ui.nextSliceButton.click()
    index, node = desk.logic.views.nextSlice(), next(one.node for one in desk.views if one.node.GetName() == view)
    offset = node.GetSliceToRAS().GetElement(2 - axis, 3)
    place = f"{letters[offset < 0]} {abs(offset):.1f} mm"
    assert desk.ui.statusLabel.text == f"Paint next in {view} ({orientation}): slice {index}, at {place}."
    assert desk.logic.views.planeInHand() == (axis, index)
    assert currentSlice(desk.scene, desk.volume, other) == before
    desk.ui.reviewTable.cellClicked.emit(1, 0)
    assert str(currentSlice(desk.scene, desk.volume, axis)) == desk.ui.reviewTable.item(1, 0).text()


def testNextSliceThatNoViewShowsIsSaid(desk):
    desk.openPhantom()
    paint(desk, 2, 0.3, 0.7)
    desk.propagate()
    desk.ui.nextSliceButton.click()
    assert f"number {desk.logic.views.nextSlice()} along i, and no slice view" in desk.ui.statusLabel.text


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
    assert "did not look" in desk.ui.inspectLabel.text and desk.logic.views.patchLayers.nodes() == {}
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
