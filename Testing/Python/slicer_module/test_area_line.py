"""What panel and effect say of other segments, and that they do it: the editable area, chosen in the Segment Editor."""

import numpy as np
import pytest
import slicer
import slicer.util

pytest.importorskip("PySide6", reason="needs PySide6-Essentials")

from Testing.StandIn.EditorDesk import EditorDesk  # noqa: E402

LOGIC = slicer.vtkSlicerSegmentationsModuleLogic


class Workshop:
    """A desk, be it the panel or the effect in Slicer's own Segment Editor, with a segment in the way of another."""

    def __init__(self, desk, editor, segmentation):
        self.desk, self.editor, self.segmentation = desk, editor, segmentation
        self.volume = desk.volume
        self.organ = editor.currentSegmentID()
        self.liver = segmentation.GetSegmentation().AddEmptySegment("liver", "liver")
        mask = np.zeros((18, 40, 48), np.uint8)
        mask[:, :20] = 1
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask, segmentation, self.liver, self.volume)
        editor.setCurrentSegmentID(self.organ)
        desk.paintWithMouse(3, 8)

    @property
    def ui(self):
        return self.desk.ui

    def line(self) -> str:
        self.desk.settle()
        return self.ui.areaLabel.text if self.ui.areaLabel.visible else ""

    def choose(self, box, text: str) -> None:
        box.setCurrentIndex(box.findText(text))

    def read(self, segmentId: str) -> np.ndarray:
        return slicer.util.arrayFromSegmentBinaryLabelmap(self.segmentation, segmentId, self.volume) > 0

    def propagate(self) -> np.ndarray:
        self.desk.activate()
        self.ui.propagateButton.click()
        self.desk.waitWhileBusy()
        return self.desk.logic.preview.masks()[self.organ].filled()


@pytest.fixture(params=["panel", "effect"])
def workshop(request, application, qtApplication):
    if request.param == "panel":
        desk = request.getfixturevalue("desk").openPhantom()
        desk.activate = lambda: None
        yield Workshop(desk, desk.ui.segmentEditor, desk.logic.segmentationNode)
        return
    desk = EditorDesk(application, qtApplication).openPhantom()
    desk.activate()
    yield Workshop(desk, desk.editor, desk.segmentation)
    desk.close()


def testTheEditableAreaIsSaidAndHeldTo(workshop):
    editor = workshop.editor
    workshop.desk.activate()
    assert workshop.line() == ""
    workshop.choose(editor.areaBox, "Outside all visible segments")
    assert workshop.line() == "Not in liver."
    drawn, liver = workshop.read(workshop.organ), workshop.read(workshop.liver)
    proposal = workshop.propagate()
    assert proposal[5].any() and not (proposal & liver & ~drawn).any()
    assert workshop.desk.logic.preview is not None
    workshop.ui.applyButton.click()
    workshop.desk.settle()
    assert (workshop.read(workshop.organ) == proposal).all() and (workshop.read(workshop.liver) == liver).all()
    editor.undo()
    workshop.desk.settle()
    assert (workshop.read(workshop.organ) == drawn).all()
    workshop.choose(editor.areaBox, "Inside liver")
    assert workshop.line() == "Only inside liver."
    proposal = workshop.propagate()
    assert proposal[5].any() and not (proposal & ~liver & ~drawn).any()
    workshop.segmentation.GetSegmentation().RemoveSegment(workshop.liver)
    assert "The segment of the editable area is gone" in workshop.line()
    workshop.choose(editor.areaBox, "Everywhere")
    assert workshop.line() == ""


def testCompletedSegmentsAreSaid(workshop):
    segmentation = workshop.segmentation.GetSegmentation()
    workshop.desk.activate()
    LOGIC.SetSegmentStatus(segmentation.GetSegment(workshop.liver), LOGIC.Completed)
    assert workshop.line() == ""
    workshop.ui.completedCheckBox.setChecked(True)
    assert workshop.line() == "Not in liver."
    workshop.choose(workshop.editor.overwriteBox, "Allow overlap")
    assert workshop.line() == ""
    workshop.choose(workshop.editor.overwriteBox, "Overwrite all")
    for name in ("spleen", "left kidney"):
        segmentId = segmentation.AddEmptySegment("", name)
        LOGIC.SetSegmentStatus(segmentation.GetSegment(segmentId), LOGIC.Completed)
    assert workshop.line() == "Not in liver, spleen and 1 more."
    assert not (workshop.propagate() & workshop.read(workshop.liver) & ~workshop.read(workshop.organ)).any()


def testAnotherAreaIsPropagatedWhilePainting(workshop):
    desk = workshop.desk
    desk.activate()
    workshop.ui.liveCheckBox.setChecked(True)
    workshop.choose(workshop.editor.areaBox, "Outside all segments")
    desk.settle(1.5)
    desk.waitWhileBusy()
    call = desk.workers[-1].calls[-1]
    assert (call.evidence == 128 * workshop.read(workshop.liver)).all()
