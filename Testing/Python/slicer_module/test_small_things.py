"""Small things that a person notices: numbers and their nouns, widths, warnings in the log, frames of sequences."""

import re

import numpy as np
import pytest

pytest.importorskip("PySide6", reason="needs PySide6-Essentials")

import slicer
import slicer.util
from PatchICLSegmentLib.SceneIO.Nodes import removeWithDisplay
from PatchICLSegmentLib.State import State
from PySide6 import QtWidgets

from Testing.StandIn.Headless import sequenceOf


def texts(desk):
    """All that labels and buttons of the panel say."""
    classes = QtWidgets.QLabel, QtWidgets.QAbstractButton
    return [widget.text for kind in classes for widget in desk.panel.widget.findChildren(kind)]


def testOneIsNotPlural(desk):
    desk.openPhantom()
    desk.ui.extentSelector.setCurrentIndex(1)
    said = []
    desk.paintWithMouse(7)
    said += texts(desk)
    desk.paintWithMouse(9)
    said += texts(desk)
    desk.ui.propagateButton.click()
    while desk.logic.state.isBusy:
        desk.processEvents()
        said += texts(desk)
    desk.settle()
    said += texts(desk)
    assert any("1 painted slice along k" in text for text in said)
    assert any("One slice to fill" in text for text in said)
    wrong = {text for text in said if re.search(r"(?<![\d.])1 (\w+ )?(slices|segments|voxels|frames)\b", text)}
    assert not wrong


def testColumnsKeepTheirWidths(desk):
    desk.openPhantom().paintWithMouse(4, 9)
    header = desk.ui.paintedTable.horizontalHeader()

    def widths():
        return [header.sectionSize(column) for column in range(header.count())]

    desk.ui.paintedTable.show()
    desk.settle()
    before = widths()
    desk.panel.work.refreshTable()
    assert widths() == before
    desk.settle()
    assert widths() == before and sum(before) >= desk.ui.paintedTable.viewport().width
    assert all(header.sectionSize(column) >= header.sectionSizeHint(column) for column in range(header.count()))


@pytest.mark.parametrize("selector", ["segmentationSelector", "volumeSelector"])
def testNothingIsWarnedOfWhenNothingIsSelected(desk, capfd, selector):
    desk.openPhantom().paintWithMouse(4)
    capfd.readouterr()
    getattr(desk.ui, selector).setCurrentNode(None)
    desk.settle()
    desk.ui.segmentationSelector.setCurrentNode(None)
    desk.panel.exit()
    desk.panel.enter()
    desk.settle()
    written = capfd.readouterr()
    assert "vtk" not in written.err and "Traceback" not in written.err


def testNothingIsRemovedTwice(desk):
    """The application takes display nodes along; the stand-in refuses to remove what is gone."""
    desk.openPhantom().paintWithMouse(3, 14).propagate()
    desk.ui.patchesCheckBox.click()
    desk.logic.views.jumpTo(8)
    desk.settle()
    with pytest.raises(LookupError):
        node = desk.logic.results.entropyNode.GetDisplayNode()
        desk.scene.RemoveNode(node)
        desk.scene.RemoveNode(node)
    removeWithDisplay(desk.logic.views.patchLayers.nodes()[0])
    desk.ui.discardButton.click()
    assert desk.logic.state is State.IDLE and desk.logic.results.entropyNode is None


@pytest.mark.parametrize("selected", [None, 1])
def testSequenceBrowserWithoutASelectedFrame(desk, selected):
    desk.openPhantom()
    values = () if selected is None else ("0", "1")
    image = slicer.util.arrayFromVolume(desk.volume).copy()
    sequenceOf(desk.scene, desk.volume, values, [image] * len(values), -1 if selected is None else selected)
    desk.paintWithMouse(3, 14)
    desk.propagate()
    assert desk.logic.results.run["frame"] == (None if selected is None else "1 (1)")
    assert desk.ui.applyButton.enabled and "frame" not in desk.ui.statusLabel.text
    desk.ui.applyButton.click()
    assert desk.logic.state is State.IDLE
    filled = slicer.util.arrayFromSegmentBinaryLabelmap(desk.logic.segmentationNode, desk.logic.segmentId, desk.volume)
    assert (np.count_nonzero(filled, axis=(1, 2))[3:15] > 0).all()
