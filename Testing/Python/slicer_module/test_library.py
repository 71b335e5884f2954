"""The library of finished cases: counted for each segment, and this case added with its place in the patient."""

import zipfile

import numpy as np
import pytest
import slicer.util
from PatchICLSegmentLib.Errors import ScanIsThereError, SceneError
from PatchICLSegmentLib.Parameters import Parameters
from PatchICLSegmentLib.SceneIO.SegmentMemory import holdsPropagated
from PatchICLSegmentLib.SceneIO.Segments import addSegmentation
from PatchICLSegmentLib.SceneIO.Volumes import gridOfVolume
from PatchICLSegmentLib.State import State
from PatchICLSegmentLib.WorkerSession import defaultWorker

from PatchICLLib.library import Library
from PatchICLLib.segmentations.terminology import Code, Terminology
from Testing.Miniatures.patients import Patient

KIDNEY = Terminology(Code("SCT", "123037004", "Anatomy"), Code("SCT", "64033007", "Kidney"))


def nextPatient(volume) -> None:
    """The volume becomes another scan, that of no case of a library."""
    slicer.util.arrayFromVolume(volume)[...] += 1
    slicer.util.arrayFromVolumeModified(volume)


def name(place, segmentId, text, terminology=None):
    segment = place.segmentation.GetSegmentation().GetSegment(segmentId)
    segment.SetName(text)
    if terminology is not None:
        segment.SetTag("TerminologyEntry", terminology.tag())


@pytest.fixture
def library(workplace, tmp_path):
    """That of the workplace, in a new folder; the organ has a name."""
    workplace.logic.library.choose(str(tmp_path / "cases"))
    name(workplace, workplace.organ, "liver")
    return workplace.logic.library


@pytest.fixture
def added(workplace, library):
    """The same with the organ of this scan."""
    workplace.paint(0, range(5, 9))
    library.addCase([workplace.organ])
    return library


def testACaseIsAddedWhereItLiesInThePatient(workplace, library, tmp_path):
    name(workplace, workplace.other, "cyst")
    liver = workplace.paint(0, range(5, 9))
    cyst = np.zeros_like(liver)
    cyst[6, 8:10, 8:10] = True  # within it
    workplace.segmentation.GetSegmentation().SeparateSegmentLabelmap(workplace.other)
    workplace.write(cyst, workplace.other)
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


def testAnAppliedPreviewIsFinished(workplace, library, tmp_path):
    workplace.paint(0, (4, 9))
    assert [row.isFinished for row in library.segments()] == [False, False]
    workplace.runToPreview()
    workplace.logic.applyPreview()
    assert [row.isFinished for row in library.segments()] == [True, False]
    segment = workplace.segmentation.GetSegmentation().GetSegment(workplace.organ)
    assert holdsPropagated(segment)
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


def testTheSameScanIsReplacedOnlyIfThatIsWanted(workplace, added, tmp_path):
    workplace.paint(0, range(3, 5))
    with pytest.raises(ScanIsThereError, match="case 1"):
        added.addCase([workplace.organ])
    assert added.addCase([workplace.organ], replace=True) == 2
    assert [case.number for case in Library.open(tmp_path / "cases").cases] == [2]


def testWhatSomebodyElseAddsIsCounted(added, tmp_path):
    Library.open(tmp_path / "cases").remove(1)
    assert added.segments()[0].count == 0


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


@pytest.fixture
def earlier(workplace, added):
    """The workplace, with a library in which the organ was finished in another patient."""
    workplace.write(np.zeros_like(workplace.read()))
    nextPatient(workplace.volume)
    return workplace


def testAScanLearnsNothingFromItself(workplace, added):
    """Its own case agrees with it in everything, and would bring back what is wrong there."""
    row = added.segments()[0]
    assert (row.count, row.others, row.isUsed) == (1, 0, False)
    assert added.countOf(workplace.organ) == 0 and added.use() is None
    nextPatient(workplace.volume)
    row = added.segments()[0]
    assert (row.count, row.others, row.isUsed) == (1, 1, True) and added.use().match == {workplace.organ: 1}
    run = {"segments": {}, "painted_slices": {}, "library": {}, "own_cases": [1]}
    assert added.told(run) == "Case 1 is of this very scan and was not asked."


def testARunLearnsFromEarlierCases(earlier, tmp_path):
    earlier.propagate(0, (4, 9))
    options = earlier.workers[-1].calls[-1].options
    assert options["library"] == str(tmp_path / "cases") and options["match"] == {1: 1}
    direction = np.array(options["direction"])
    matrix = gridOfVolume(earlier.volume).ijkToWorld[:3, :3]
    assert np.allclose(direction, np.diag([-1, -1, 1]) @ matrix / np.linalg.norm(matrix, axis=0))
    told = earlier.logic.library.told(earlier.logic.results.run)
    assert told == "liver: 2 earlier cases helped."
    run = {**earlier.logic.results.run, "library": {"1": {"weight": 0, "cases": []}}}
    assert earlier.logic.library.told(run) == "liver: the library does not fit and was not listened to."
    run = {**earlier.logic.results.run, "library": {}}
    assert earlier.logic.library.told(run) == ""
    run["painted_slices"] = {}
    assert earlier.logic.library.told(run) == "liver: nothing here looks as in earlier cases; paint a slice."
    for doubt, isDoubted in (("unsteady", True), ("size", True), ("look", True), (None, False)):
        run["library"] = {"1": {"weight": 1, "cases": [1, 2], "doubt": doubt}}
        told = earlier.logic.library.told(run)
        assert "from 2 earlier cases" in told and ("may well be wrong" in told) == isDoubted
    earlier.logic.discardPreview()
    earlier.logic.library.want(earlier.organ, False)
    earlier.runToPreview()
    assert "library" not in earlier.workers[-1].calls[-1].options
    assert earlier.logic.library.told(earlier.logic.results.run) == ""


def testWithALibraryNothingNeedsToBePainted(earlier):
    logic = earlier.logic
    assert logic.library.countOf(earlier.organ) == 1 and logic.library.countOf(earlier.other) == 0
    earlier.runToPreview()
    call = earlier.workers[-1].calls[-1]
    assert not call.painted.any() and call.options["match"] == {1: 1}
    assert "nothing is painted" in logic.library.told(logic.results.run)
    logic.applyPreview()
    proposed = earlier.read()
    assert proposed.any()
    # one painted slice then corrects it, and is never changed
    axis = call.options["axis"]
    drawn = np.zeros_like(proposed)
    drawn[(slice(None),) * axis + (3,)] = np.random.default_rng(0).random(np.take(proposed, 0, axis).shape) > 0.5
    earlier.write(proposed | drawn)
    earlier.runToPreview()
    logic.applyPreview()
    assert np.array_equal(np.take(earlier.read(), 3, axis), np.take(proposed | drawn, 3, axis))


@pytest.mark.parametrize("planes", [[(0, 3)], [(0, 3), (1, 8)]], ids=["of one view", "of two"])
def testSlicesThatAreSaidToBeEmptyAreNoPainting(earlier, planes):
    """Propagate works with nothing painted; on which slices the structure is not is told, whatever their views."""
    for axis, index in planes:
        earlier.logic.painting.setNotOnSlice(index, axis=axis)
    earlier.runToPreview()
    assert earlier.logic.state is State.PREVIEW and not earlier.messages
    call = earlier.workers[-1].calls[-1]
    assert not call.painted.any() and call.options["axis"] == (0 if len(planes) == 1 else None)
    assert call.options["painted_slices"] == {1: [3] if len(planes) == 1 else planes}
    assert earlier.logic.preview.axis == 0  # of the thickest slices


def testUnknownSegmentsStillHaveToBePainted(earlier):
    logic = earlier.logic
    logic.select(earlier.volume, earlier.segmentation, earlier.other)
    with pytest.raises(SceneError, match="Nothing is painted"):
        logic.startPropagation()


def testPaintedAndUnpaintedSegmentsInOneRun(earlier):
    logic = earlier.logic
    logic.parameters = Parameters(scope="visible")
    earlier.propagate(0, (4, 9), earlier.other)
    call = earlier.workers[-1].calls[-1]
    assert call.options["axis"] == 0 and call.options["match"] == {1: 1} and call.painted.ndim == 3
    assert set(np.unique(call.painted)) == {0, 2}


def testADamagedLibraryIsTold(earlier, tmp_path):
    (tmp_path / "cases" / "library.json").write_text("{")
    earlier.paint(0, (4, 9))
    with pytest.raises(SceneError, match="damaged"):
        earlier.logic.startPropagation()
    earlier.logic.library.choose("")  # No library
    earlier.runToPreview()
    assert "library" not in earlier.workers[-1].calls[-1].options


def testALibraryThatIsGoneIsTold(earlier, tmp_path):
    """A drive that is not connected: no new library takes its place, and no run goes on as if there were none."""
    folder = tmp_path / "cases"
    folder.rename(tmp_path / "on another drive")
    earlier.reload()
    earlier.logic.library.folder = str(folder)  # as it is remembered
    earlier.paint(0, (4, 9))
    for action in (earlier.logic.startPropagation, lambda: earlier.logic.library.addCase([earlier.organ])):
        with pytest.raises(SceneError, match="is not there"):
            action()
    assert not folder.exists() and earlier.logic.library.countOf(earlier.organ) == 0
    (tmp_path / "on another drive").rename(folder)
    earlier.runToPreview()
    assert earlier.workers[-1].calls[-1].options["library"] == str(folder)


def testOneGoesOnWithoutALibraryThatCannotBeUsed(desk, tmp_path):
    desk.openPhantom().paintWithMouse(4, 9)
    desk.logic.library.folder = str(tmp_path / "gone")
    desk.ui.propagateButton.click()
    assert "is not there" in desk.ui.statusLabel.text and desk.ui.remedyButton.text == "Go on without it"
    desk.ui.remedyButton.click()
    desk.propagate()
    assert desk.logic.state is State.PREVIEW and "library" not in desk.workers[-1].calls[-1].options


def testInThePanel(desk, tmp_path):
    from PySide6.QtCore import Qt

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
    assert ui.libraryTable.item(0, 3).checkState() == Qt.Unchecked  # it is of this very scan
    nextPatient(desk.volume)
    desk.logic.paintingChanged.emit()
    desk.settle()
    assert ui.libraryTable.item(0, 3).checkState() == Qt.Checked
    ui.propagateButton.click()
    desk.waitWhileBusy()
    assert desk.workers[-1].calls[-1].options["match"] == {1: 1}
    assert "2 earlier cases helped" in ui.statusLabel.text
    ui.discardButton.click()
    ui.libraryTable.item(0, 3).setCheckState(Qt.Unchecked)
    desk.settle()
    ui.propagateButton.click()
    desk.waitWhileBusy()
    assert "match" not in desk.workers[-1].calls[-1].options
    ui.discardButton.click()
    ui.libraryCloseButton.click()
    assert application.settings == {"PatchICL/LibraryFolder": ""} and "Choose a folder" in ui.libraryLabel.text


def testTicksAreOfTheirSegmentAlone(desk, tmp_path):
    """Not of those of other segmentations, which have the same identifiers where they come from files."""
    from PySide6.QtCore import Qt

    desk.openPhantom()
    logic, table = desk.logic, desk.ui.libraryTable
    desk.ui.librarySection.setProperty("collapsed", False)
    desk.application.folder = str(tmp_path / "cases")
    desk.ui.libraryFolderButton.click()
    first, segmentId = logic.segmentationNode, logic.segmentId

    def ticks():
        logic.segmentationNode.GetSegmentation().GetSegment(segmentId).SetName("liver")
        logic.paintingChanged.emit()
        desk.settle()
        return [table.item(0, column).checkState() == Qt.Checked for column in (0, 3)]

    desk.paintWithMouse(4, 9)
    ticks()
    logic.library.addCase([segmentId])
    nextPatient(desk.volume)
    assert ticks() == [False, True]
    table.item(0, 0).setCheckState(Qt.Checked)
    table.item(0, 3).setCheckState(Qt.Unchecked)
    assert ticks() == [True, False] and desk.ui.addCaseButton.enabled
    other = addSegmentation(logic.volumeNode, "other")
    other.GetSegmentation().AddEmptySegment(segmentId, "liver")
    logic.select(logic.volumeNode, other, segmentId)
    assert ticks() == [False, True] and not desk.ui.addCaseButton.enabled
    logic.select(logic.volumeNode, first, segmentId)
    assert ticks() == [True, False]


def testNothingPaintedInThePanel(desk, tmp_path):
    """The next patient: the segment has a name, the status says where it would come from, Propagate works."""
    desk.openPhantom()
    desk.application.folder = str(tmp_path / "cases")
    desk.ui.libraryFolderButton.click()
    desk.paintWithMouse(*range(4, 10))
    segmentation, organ = desk.logic.segmentationNode.GetSegmentation(), desk.logic.segmentId
    segmentation.GetSegment(organ).SetName("liver")
    desk.logic.library.addCase([organ])
    nextPatient(desk.volume)
    segmentation.RemoveSegment(organ)
    again = segmentation.AddEmptySegment("", "Liver")
    desk.logic.select(desk.logic.volumeNode, desk.logic.segmentationNode, again)
    desk.settle()
    assert "Liver comes from 1 earlier case" in desk.ui.statusLabel.text
    desk.propagate()
    assert "from 2 earlier cases, nothing is painted" in desk.ui.statusLabel.text
    assert "library alone" in desk.ui.inspectLabel.text and not desk.ui.logitsButton.enabled
    desk.ui.applyButton.click()
    desk.settle()
    assert desk.logic.state is State.IDLE


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


@pytest.mark.slow
def testThreePatientsEachWithLessPainting(application, qtApplication, tmp_path):
    """With the network in its worker: three slices, one slice, none; each finished patient helps the next."""
    from PatchICLSegmentLib.SceneIO.SliceViews import jumpToSlice

    from Testing.StandIn.Desk import Desk

    desk = Desk(application, qtApplication, makeWorker=defaultWorker)
    desk.application.folder = str(tmp_path / "cases")
    desk.ui.libraryFolderButton.click()
    desk.logic.parameters = Parameters(device="cpu")
    dice = []
    try:
        for number, (seed, scale, slices) in enumerate([(2, 1.0, (7, 13, 18)), (3, 1.05, (13,)), (4, 0.97, ())]):
            patient = Patient.of(seed, scale)
            matrix = np.diag([-1.0, -1.0, 2.0, 1.0])
            desk.volume = slicer.util.addVolumeFromArray(patient.image, matrix, f"patient {number}")
            desk.logic.select(desk.volume, None)
            segmentation = desk.logic.createSegmentation()
            organ = desk.logic.segmentId
            segmentation.GetSegmentation().GetSegment(organ).SetName("kidney")
            painted = np.zeros(patient.organ.shape, np.uint8)
            painted[list(slices)] = patient.organ[list(slices)]
            if slices:
                slicer.util.updateSegmentBinaryLabelmapFromArray(painted, segmentation, organ, desk.volume)
                jumpToSlice(desk.scene, desk.volume, 0, slices[0])
            desk.settle()
            desk.propagate()
            assert desk.logic.state is State.PREVIEW, desk.ui.statusLabel.text
            assert ("nothing is painted" in desk.ui.statusLabel.text) == (not slices)
            desk.ui.applyButton.click()
            desk.settle()
            found = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, organ, desk.volume) > 0
            assert np.array_equal(found[list(slices)], patient.organ[list(slices)])
            dice.append(2 * (found & patient.organ).sum() / (found.sum() + patient.organ.sum()))
            desk.ui.librarySection.setProperty("collapsed", False)
            desk.settle()
            desk.ui.addCaseButton.click()
            assert desk.ui.libraryTable.item(0, 2).text() == str(number + 1)
    finally:
        desk.close()
    assert min(dice) > 0.85, dice
    cases = Library.open(tmp_path / "cases").cases
    assert [case.filled.how for case in cases] == ["propagated"] * 3 and cases[2].filled.weights
