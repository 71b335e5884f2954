"""Where things lie: the panel in a module panel like Slicer's, as small as it is there, with an editor as tall."""

from __future__ import annotations

import contextlib
import itertools

import pytest

pytest.importorskip("PySide6", reason="needs PySide6-Essentials")

from Testing.StandIn import PythonQt

qt = PythonQt.install()

from PatchICLSegmentLib.Panel.Panel import SECTIONS  # noqa: E402
from PatchICLSegmentLib.Remedies import Problem  # noqa: E402
from PySide6 import QtCore, QtWidgets  # noqa: E402
from PySide6.QtTest import QTest  # noqa: E402

from Testing.StandIn.Desk import Desk  # noqa: E402

WIDTH = 380  # pixels that Slicer's module panel has on a small screen
HEIGHTS = (600, 900)
EDITOR_HEIGHT = 500  # of Slicer's own editor with Paint chosen
LONG = "The segmentation lies on another grid than the volume, so that what is painted would be torn. " + (
    "In a copy with the voxels of the volume, outlines move by up to half a voxel; the original stays as it is."
)


class ModulePanel(QtWidgets.QScrollArea):
    """The application around a module: Help on top, the module below, all in a scroll area that only goes down."""

    def __init__(self, widget):
        super().__init__()
        self.setFrameShape(QtWidgets.QFrame.NoFrame)
        self.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarAlwaysOff)
        self.setWidgetResizable(True)
        contents = QtWidgets.QWidget()
        column = QtWidgets.QVBoxLayout(contents)
        column.setSizeConstraint(QtWidgets.QLayout.SetMinAndMaxSize)
        column.setContentsMargins(0, 0, 0, 0)
        self.help = QtWidgets.QPushButton("Help && Acknowledgement")
        column.addWidget(self.help)
        module = QtWidgets.QWidget()
        module.setSizePolicy(QtWidgets.QSizePolicy.Minimum, QtWidgets.QSizePolicy.Preferred)
        QtWidgets.QVBoxLayout(module).setContentsMargins(0, 0, 0, 0)
        module.layout().addWidget(widget)
        column.addWidget(module, 1)
        column.addItem(
            QtWidgets.QSpacerItem(0, 0, QtWidgets.QSizePolicy.Minimum, QtWidgets.QSizePolicy.MinimumExpanding)
        )
        self.setWidget(contents)

    def giveModule(self, width, height):
        self.resize(width, height + self.help.sizeHint().height() + self.widget().layout().spacing())


@pytest.fixture(params=[9, 12], ids=lambda points: f"{points}pt")
def desk(application, request):
    qtApplication = PythonQt.application()
    usual, font = qtApplication.font(), qtApplication.font()
    font.setPointSizeF(request.param)
    qtApplication.setFont(font)
    desk = Desk(application, qtApplication)
    desk.modulePanel = ModulePanel(desk.panel.widget)
    desk.modulePanel.show()
    yield desk
    desk.panel.cleanup()
    desk.modulePanel.close()
    qtApplication.setFont(usual)


def visible(widgets):
    return [widget for widget in widgets if widget.isVisible()]


def inPanel(desk, widget) -> QtCore.QRect:
    return QtCore.QRect(widget.mapTo(desk.panel.widget, QtCore.QPoint(0, 0)), widget.size)


def check(desk, height: int, state: str) -> None:
    """What holds at any time: everything pressed again and again is in sight, whole, and beside each other."""
    ui, panel = desk.ui, desk.panel.widget
    desk.modulePanel.giveModule(WIDTH, height)
    for _ in range(5):
        desk.processEvents()
    assert (panel.width, panel.height) == (WIDTH, height), f"{state}: {panel.size}"
    assert desk.modulePanel.verticalScrollBar().maximum == 0, f"{state}: the application's own area does not scroll"
    assert ui.scrollContents.width <= ui.scrollArea.viewport().width, f"{state}: nothing is cut off at the right"
    barButtons = [ui.propagateButton, ui.keepButton, ui.cancelButton, ui.nextSliceButton, ui.applyButton]
    pieces = [
        *barButtons,
        ui.discardButton,
        ui.progressBar,
        ui.areaLabel,
        ui.answerLabel,
        ui.answerContoursCheckBox,
        ui.nextAnswerButton,
        ui.statusLabel,
        ui.failureButton,
        ui.previewLabel,
        ui.previewOpacitySlider,
    ]
    assert all(ui.actionBar.isAncestorOf(piece) for piece in pieces)
    painted = [ui.paintedLabel, ui.remedyButton, ui.paintedStrip, ui.notOnSliceButton, ui.drawAfreshButton]
    fixed = visible([*pieces, *painted])
    assert ui.paintedStrip in fixed and ui.applyButton in fixed
    assert (ui.propagateButton in fixed) != desk.logic.state.isBusy == (ui.cancelButton in fixed)
    for widget in fixed:
        assert not ui.scrollArea.isAncestorOf(widget)
        assert widget.visibleRegion().boundingRect() == widget.rect, f"{state}: {widget.objectName} is in sight, whole"
        if isinstance(widget, QtWidgets.QAbstractButton):
            assert widget.width >= widget.minimumSizeHint().width(), f"{state}: the text of {widget.objectName}"
    for label in (ui.areaLabel, ui.answerLabel, ui.statusLabel, ui.paintedLabel):
        assert label.height >= label.heightForWidth(label.width), f"{state}: all of {label.text!r}"
    for first, second in itertools.combinations([*fixed, ui.scrollArea], 2):
        apart = not inPanel(desk, first).intersects(inPanel(desk, second))
        assert apart, f"{state}: {first.objectName} lies over {second.objectName}"
    for width, most in ((panel.minimumSizeHint().width(), WIDTH), (panel.sizeHint().width(), WIDTH)):
        assert width <= most, f"{state}: it would widen the application's panel"


@contextlib.contextmanager
def allSentences(desk):
    """A problem of the painting with the button that would mend it, beside that of a run that failed."""
    problem = Problem(LONG, "Select " + "a name of a volume " * 4, print)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk.logic, "currentPainting", lambda: None)
        patch.setattr(desk.logic.remedies, "problem", lambda: problem)
        desk.panel.work.refreshTable()
        desk.panel.propagate.problem(LONG)
        desk.logic.record.crashed.emit()
        assert desk.ui.remedyButton.visible and desk.ui.failureButton.visible
        yield
    desk.ui.failureButton.setVisible(False)
    desk.panel.refresh()
    assert not desk.ui.remedyButton.visible and desk.ui.liveCheckBox.visible


def testWhatIsPressedAgainAndAgainIsInSight(desk, tmp_path):
    for height in HEIGHTS:
        check(desk, height, "before a volume is chosen")
    desk.openPhantom().paintWithMouse(3, 8, 14)
    for height in HEIGHTS:
        check(desk, height, "painted")
        strip = desk.ui.paintedStrip
        for row in range(3):
            assert strip.viewport().rect.contains(strip.visualItemRect(strip.item(row))), "three pictures side by side"
        assert desk.ui.segmentEditor.height >= EDITOR_HEIGHT, "as tall as Slicer's"
        seen = desk.ui.segmentEditor.visibleRegion().boundingRect()
        assert seen.top() == 0 and seen.height() >= min(EDITOR_HEIGHT, height - 300), "the editor has the rest"
    desk.logic.segmentationNode.GetSegmentation().AddEmptySegment("", "A neighbor with rather a long name")
    areaBox = desk.ui.segmentEditor.areaBox
    areaBox.setCurrentIndex(areaBox.findText("Outside all segments"))
    assert desk.ui.areaLabel.visible
    desk.startUntil(2)
    for height in HEIGHTS:
        check(desk, height, "running")
    assert desk.ui.cancelButton.visible and desk.ui.keepButton.visible and desk.ui.progressBar.visible
    desk.reload(str(tmp_path / "scene.mrb"))
    desk.settle()
    for height in HEIGHTS:
        check(desk, height, "unfinished preview")
    desk.ui.candidatesSpinBox.setValue(4)
    desk.propagate()
    desk.ui.nextAnswerButton.click()
    for height in HEIGHTS:
        check(desk, height, "several answers")
        assert desk.ui.nextAnswerButton.visible
        desk.panel.propagate.problem(LONG)
        check(desk, height, "several answers and a long sentence")
        with allSentences(desk):
            check(desk, height, "several answers, two long sentences, a report and what would mend it")
    desk.ui.candidatesSpinBox.setValue(1)
    desk.propagate()
    for height in HEIGHTS:
        check(desk, height, "preview")
        desk.panel.propagate.problem(LONG)
        check(desk, height, "a long sentence")
        with allSentences(desk):
            check(desk, height, "two long sentences, a report and what would mend it")


def testNothingOfTheBarMovesWhenARunStarts(desk):
    desk.openPhantom().paintWithMouse(3, 14)
    places = []
    for state in ("idle", "running", "preview"):
        check(desk, HEIGHTS[0], state)
        places.append([inPanel(desk, getattr(desk.ui, name)) for name in ("applyButton", "paintedStrip")])
        if state == "idle":
            desk.ui.propagateButton.click()
            while desk.logic.progress is None:
                desk.processEvents()
        elif state == "running":
            desk.waitWhileBusy()
    assert places[0] == places[1] == places[2]


def testResultsAreNotWiderThanThePanel(desk):
    """Pictures, tables and the self-check; and a title of long names."""
    desk.openPhantom()
    desk.volume.SetName("A & B of a long name that a scanner made")
    desk.panel.refresh()
    desk.paintWithMouse(3, 14)
    desk.propagate()
    desk.logic.views.jumpTo(8)
    for name in SECTIONS:
        getattr(desk.ui, name).setProperty("collapsed", False)
    desk.ui.logitsButton.click()
    while desk.logic.logits.isBusy:
        desk.processEvents()
    desk.ui.selfCheckButton.click()
    desk.settle()
    check(desk, HEIGHTS[0], "all sections open")
    for table in (desk.ui.levelTable, desk.ui.reviewTable, desk.ui.paintedTable):
        assert table.rowCount and table.horizontalScrollBar().maximum == 0, table.objectName
    assert desk.ui.inspectPicture.width >= desk.ui.inspectPicture.pixmap.width()


def testWideEditorWidensThePanelInsteadOfBeingCutOff(desk):
    """Effects of extensions may be wide."""
    desk.ui.segmentEditor.setMinimumWidth(450)
    desk.settle(0.1)
    assert desk.modulePanel.widget().minimumSizeHint().width() > 450
    desk.modulePanel.giveModule(desk.modulePanel.widget().minimumSizeHint().width(), HEIGHTS[0])
    desk.settle(0.1)
    assert desk.ui.scrollContents.width <= desk.ui.scrollArea.viewport().width


def testManyPaintedSlicesScrollInTheirRow(desk):
    desk.openPhantom().paintWithMouse(*range(2, 12, 2))
    desk.logic.views.jumpTo(16)
    desk.ui.notOnSliceButton.click()
    check(desk, HEIGHTS[0], "six slices")
    strip = desk.ui.paintedStrip
    assert [strip.item(row).text() for row in (0, 5)] == ["S 5.0", "empty"]
    for row in (0, 5):
        assert strip.fontMetrics().boundingRect(strip.item(row).text()).width() <= strip.gridSize.width()
    assert strip.horizontalScrollBar().visible and not strip.verticalScrollBar().visible
    for row in (0, 5):
        strip.scrollToItem(strip.item(row))
        row = strip.visualItemRect(strip.item(row)).adjusted(0, 0, -1, 0)  # Qt scrolls one pixel too few.
        assert strip.viewport().rect.contains(row), "whole, above the scroll bar"


def testAClickDoesNotTakeTheKeys(desk):
    """The button that takes the place of Propagate would have the focus: Space would stop the run."""
    desk.openPhantom().paintWithMouse(3, 14)
    desk.modulePanel.activateWindow()
    QTest.mouseClick(desk.ui.propagateButton, QtCore.Qt.LeftButton)
    assert desk.logic.state.isBusy
    focused = desk.qtApplication.focusWidget()
    assert focused is None or not desk.ui.actionBar.isAncestorOf(focused)
    desk.waitWhileBusy()


@pytest.mark.parametrize("name", SECTIONS)
def testWhatIsOpenedComesIntoSight(desk, name):
    """And is not wider than the panel."""
    desk.openPhantom()
    section = getattr(desk.ui, name)
    section.setProperty("collapsed", True)
    for height in HEIGHTS:
        section.setProperty("collapsed", False)
        desk.settle(0.15)
        check(desk, height, name)
        section.setProperty("collapsed", True)
        desk.settle(0.15)
        section.setProperty("collapsed", False)
        desk.settle(0.15)
        seen = section.visibleRegion().boundingRect()
        assert seen.top() == 0 and seen.height() == min(section.height, desk.ui.scrollArea.viewport().height)
        section.setProperty("collapsed", True)
