"""The library of finished cases: counted for each segment, and this case added with its place in the patient."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from PatchICLSegmentLib.Errors import ScanIsThereError, SceneError
from PatchICLSegmentLib.SceneIO.PaintedSlices import SegmentMemory
from PatchICLSegmentLib.SceneIO.Volumes import gridOfVolume

from PatchICLLib.library import Library
from PatchICLLib.segmentations.terminology import Code, Terminology

KIDNEY = Terminology(Code("SCT", "123037004", "Anatomy"), Code("SCT", "64033007", "Kidney"))


def name(place, segmentId, text, terminology=None):
    segment = place.segmentation.GetSegmentation().GetSegment(segmentId)
    segment.SetName(text)
    if terminology is not None:
        segment.SetTag("TerminologyEntry", terminology.tag())


def testACaseIsAddedWhereItLiesInThePatient(workplace, tmp_path):
    library = workplace.logic.library
    name(workplace, workplace.organ, "liver")
    name(workplace, workplace.other, "cyst")
    liver = workplace.paint(0, range(5, 9))
    cyst = np.zeros_like(liver)
    cyst[6, 8:10, 8:10] = True  # within it
    workplace.segmentation.GetSegmentation().SeparateSegmentLabelmap(workplace.other)
    workplace.write(cyst, workplace.other)
    library.choose(str(tmp_path / "cases"))
    assert [(row.name, row.count, row.isNamed) for row in library.segments()] == [
        ("liver", 0, True), ("cyst", 0, True),
    ]  # fmt: skip
    assert library.addCase([workplace.organ, workplace.other]) == 1
    assert [row.count for row in library.segments()] == [1, 1]
    case = Library.open(tmp_path / "cases").case(1)
    labels = {one.name: one.label for one in library.open().structures}
    part = tuple(slice(f, f + n) for f, n in zip(case.entry.first, case.entry.shape, strict=True))
    assert np.array_equal(case.mask_of(labels["liver"]), liver[part])
    assert case.mask_of(labels["liver"]).sum() == liver.sum()
    assert np.array_equal(case.mask_of(labels["cyst"]), cyst[part]) and case.mask_of(labels["cyst"]).any()
    # the same voxel has the same place in both: Slicer's in RAS, the file's in LPS
    matrix = gridOfVolume(workplace.volume).ijkToWorld[:3]
    k, j, i = (part.start for part in part)
    assert np.allclose(case.grid.origin, (matrix @ [i, j, k, 1]) * [-1, -1, 1], atol=1e-3)
    steps = case.direction * np.array(case.spacing[::-1])
    assert np.allclose(steps, matrix[:, :3] * np.array([[-1], [-1], [1]]), atol=1e-4)
    assert case.entry.filled.how == "painted"


def testAnAppliedPreviewIsFinished(workplace, tmp_path):
    library = workplace.logic.library
    library.choose(str(tmp_path / "cases"))
    name(workplace, workplace.organ, "liver")
    workplace.paint(0, (4, 9))
    assert [row.isFinished for row in library.segments()] == [False, False]
    workplace.runToPreview()
    workplace.logic.applyPreview()
    assert [row.isFinished for row in library.segments()] == [True, False]
    segment = workplace.segmentation.GetSegmentation().GetSegment(workplace.organ)
    assert SegmentMemory.of(segment).written
    segment.SetTag("PatchICL.Weights", "sparse")
    library.addCase([workplace.organ])
    (case,) = Library.open(tmp_path / "cases").cases
    assert (case.filled.how, case.filled.weights) == ("propagated", "sparse")


def testStructuresAreKnownByCodesOrNamesOnly(workplace, tmp_path):
    library = workplace.logic.library
    library.choose(str(tmp_path / "cases"))
    workplace.paint(0, range(5, 9))
    assert not any(row.isNamed for row in library.segments()[:1])  # as this module calls a new segment
    with pytest.raises(SceneError, match="name of its own"):
        library.addCase([workplace.organ])
    name(workplace, workplace.organ, "Segment_1", KIDNEY)
    assert library.addCase([workplace.organ]) == 1
    assert [one.name for one in library.open().structures] == ["Kidney"]
    name(workplace, workplace.organ, "Niere")
    assert library.segments()[0].count == 1
    name(workplace, workplace.other, "Segment_2")
    assert library.segments()[1].count == 0


def testTheSameScanIsReplacedOnlyIfThatIsWanted(workplace, tmp_path):
    library = workplace.logic.library
    library.choose(str(tmp_path / "cases"))
    name(workplace, workplace.organ, "liver")
    workplace.paint(0, range(5, 9))
    library.addCase([workplace.organ])
    workplace.paint(0, range(3, 5))
    with pytest.raises(ScanIsThereError, match="case 1"):
        library.addCase([workplace.organ])
    assert library.addCase([workplace.organ], replace=True) == 2
    assert [case.number for case in Library.open(tmp_path / "cases").cases] == [2]


def testWhatSomebodyElseAddsIsCounted(workplace, tmp_path):
    library = workplace.logic.library
    library.choose(str(tmp_path / "cases"))
    name(workplace, workplace.organ, "liver")
    workplace.paint(0, range(5, 9))
    library.addCase([workplace.organ])
    Library.open(tmp_path / "cases").remove(1)
    assert library.segments()[0].count == 0


def testWhatIsNoLibraryIsRefused(workplace, tmp_path):
    library = workplace.logic.library
    with pytest.raises(SceneError, match="Choose a folder"):
        library.segments()
    library.choose(str(tmp_path / "cases"))
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(SceneError, match="no library"):
        library.choose(str(tmp_path))
    assert library.folder == str(tmp_path / "cases")
    with pytest.raises(SceneError, match="tick the segments"):
        library.addCase([])


def testInThePanel(desk, tmp_path):
    desk.openPhantom()
    ui, application = desk.ui, desk.application
    ui.librarySection.setProperty("collapsed", False)
    assert "Choose a folder" in ui.libraryLabel.text and not ui.addCaseButton.enabled
    application.folder = str(tmp_path / "cases")
    ui.libraryFolderButton.click()
    assert application.settings == {"PatchICL/LibraryFolder": str(tmp_path / "cases")}
    desk.paintWithMouse(4, 9)
    segment = desk.logic.segmentationNode.GetSegmentation().GetSegment(desk.logic.segmentId)
    segment.SetName("liver")
    desk.settle()
    row = [ui.libraryTable.item(0, column) for column in range(3)]
    assert (row[1].text(), row[2].text()) == ("liver", "0")
    assert "0 finished cases" in ui.libraryLabel.text
    assert not ui.addCaseButton.enabled  # painted on two slices only: nobody said that it is finished
    ui.propagateButton.click()
    desk.waitWhileBusy()
    assert not ui.addCaseButton.enabled  # a preview is no result
    ui.applyButton.click()
    desk.settle()
    assert ui.addCaseButton.enabled
    ui.addCaseButton.click()
    assert "1 finished case" in ui.libraryLabel.text and ui.libraryTable.item(0, 2).text() == "1"
    application.answer = False
    ui.addCaseButton.click()
    assert "Replace it" in application.questions[-1]
    assert [case.number for case in Library.open(tmp_path / "cases").cases] == [1]
    application.answer = True
    ui.addCaseButton.click()
    assert [case.number for case in Library.open(tmp_path / "cases").cases] == [2]


def testTheFolderIsNoPartOfTheScene(desk, tmp_path):
    desk.openPhantom()
    desk.application.folder = str(tmp_path / "my cases")
    desk.ui.libraryFolderButton.click()
    assert desk.logic.library.folder == str(tmp_path / "my cases")
    scene = str(tmp_path / "scene.mrb")
    desk.reload(scene)
    desk.settle()
    with zipfile.ZipFile(scene) as archive:
        assert not any(b"my cases" in archive.read(name) for name in archive.namelist())
    assert desk.logic.library.folder == str(tmp_path / "my cases")
