"""Other segments as evidence: the Segment Editor's editable area, and completed segments, say where nothing is."""

import numpy as np
import pytest
import slicer
import slicer.util
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PatchICLSegmentLib.EditableArea import EditableArea
from PatchICLSegmentLib.Errors import OtherGridError, SceneError
from PatchICLSegmentLib.Evidence import composed
from PatchICLSegmentLib.Parameters import Parameters
from PatchICLSegmentLib.SceneIO.Lattice import volumeToSegmentation
from PatchICLSegmentLib.SceneIO.Segments import orientedImage
from PatchICLSegmentLib.SceneIO.SliceViews import jumpToSlice
from PatchICLSegmentLib.SceneIO.Volumes import gridOfVolume
from vtk.util import numpy_support

from .conftest import SHAPE, Workplace, obliqueGeometry

NODE = slicer.vtkMRMLSegmentationNode
LOGIC = slicer.vtkSlicerSegmentationsModuleLogic
MODES = {
    "everywhere": NODE.EditAllowedEverywhere,
    "insideAll": NODE.EditAllowedInsideAllSegments,
    "insideVisible": NODE.EditAllowedInsideVisibleSegments,
    "outsideAll": NODE.EditAllowedOutsideAllSegments,
    "outsideVisible": NODE.EditAllowedOutsideVisibleSegments,
    "insideSingle": NODE.EditAllowedInsideSingleSegment,
}


def setArea(workplace, mode: str, inside: str = "") -> None:
    editorNode = workplace.logic.editorNode
    editorNode.SetMaskMode(MODES[mode])
    editorNode.SetMaskSegmentID(inside)


def box(*spans) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[tuple(slice(*span) for span in spans)] = True
    return mask


def forbiddenOf(workplace, label: int = 1) -> np.ndarray:
    """Where the last job forbids a label."""
    call = workplace.workers[-1].calls[-1]
    if call.evidence is None:
        return np.zeros(SHAPE, bool)
    excluded = call.options.get("excluded", {})
    codes = [code for code in range(2, 256) if label in excluded.get(code, [label])]
    return np.isin(call.evidence, codes)


def forbiddenBySlicer(workplace, segmentId: str) -> np.ndarray:
    """The same by Slicer's own implementation: where the Segment Editor would not let one edit."""
    grid = gridOfVolume(workplace.volume)
    toSegmentation = volumeToSegmentation(workplace.segmentation, workplace.volume) @ grid.ijkToLocal
    reference = orientedImage(np.zeros(SHAPE, np.uint8), (0, 0, 0), toSegmentation)
    mask, node = slicer.vtkOrientedImageData(), workplace.logic.editorNode
    arguments = node.GetMaskMode(), reference, segmentId, node.GetMaskSegmentID() or ""
    assert workplace.segmentation.GenerateEditMask(mask, *arguments)
    return numpy_support.vtk_to_numpy(mask.GetPointData().GetScalars()).reshape(SHAPE) > 0


@pytest.fixture
def others(workplace):
    """Three segments beside the organ: one in its way, one hidden, one empty."""
    segmentation = workplace.segmentation.GetSegmentation()
    workplace.hidden = segmentation.AddEmptySegment("hidden", "hidden")
    workplace.empty = segmentation.AddEmptySegment("empty", "empty")
    workplace.write(box((0, 18), (0, 12), (8, 14)), workplace.other)
    workplace.write(box((5, 9), (3, 20), (0, 9)), workplace.hidden)
    workplace.segmentation.GetDisplayNode().SetSegmentVisibility(workplace.hidden, False)
    return workplace


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    mode=st.sampled_from(sorted(MODES)),
    boxes=st.lists(
        st.tuples(*(st.tuples(st.integers(0, n - 1), st.integers(1, n)) for n in SHAPE)), min_size=1, max_size=4
    ),
    hidden=st.sets(st.integers(0, 3)),
    overlap=st.booleans(),
    inside=st.integers(0, 3),
)
def testWhatIsForbiddenIsWhatSlicerForbids(scene, mode, boxes, hidden, overlap, inside):
    """For a segment alone, whatever the others are: shared or overlapping labelmaps, hidden or empty."""
    place = Workplace(scene, obliqueGeometry())
    segmentation, ids = place.segmentation.GetSegmentation(), [place.other]
    ids += [segmentation.AddEmptySegment(f"segment {number}") for number in range(len(boxes) - 1)]
    for number, spans in enumerate(boxes):
        mask = box(*((min(span), max(span)) for span in spans))
        if not overlap:
            mask[:, number % 2 :: 2] = False
        place.write(mask, ids[number])
        place.segmentation.GetDisplayNode().SetSegmentVisibility(ids[number], number not in hidden)
    place.write(box((3, 4), (6, 15), (6, 15)))
    setArea(place, mode, ids[inside % len(ids)])
    area = EditableArea.of(place.logic.editorNode, Parameters())
    expected = forbiddenBySlicer(place, place.organ)
    try:
        exclusions = area.exclusions(place.segmentation, place.volume, {1: place.organ})
    except SceneError:
        assert expected.all(), "nothing is in there"
    else:
        evidence, excluded = composed(SHAPE, exclusions, [])
        assert excluded == {}, "all labels"
        found = np.zeros(SHAPE, bool) if evidence is None else evidence > 1
        np.testing.assert_array_equal(found, expected)
    place.logic.shutdown()
    scene.Clear(False)


@pytest.mark.parametrize("mode", sorted(MODES))
def testPreviewAndApplyKeepToTheArea(others, mode):
    """What is proposed is what is written; one undo brings everything back; painted voxels stay wherever they are."""
    drawn = others.paint(0, [3, 12])
    setArea(others, mode, others.other)
    expected = forbiddenBySlicer(others, others.organ)
    before = {name: others.read(name) for name in (others.organ, others.other, others.hidden)}
    others.logic.editorNode.SetOverwriteMode(slicer.vtkMRMLSegmentEditorNode.OverwriteNone)
    others.runToPreview()
    proposal = others.proposal()
    assert (forbiddenOf(others) == expected).all()
    assert not (proposal & expected & ~drawn).any()
    assert proposal[4:12].any()
    assert (proposal[[3, 12]] == drawn[[3, 12]]).all()
    others.logic.applyPreview()
    assert (others.read() == proposal).all()
    assert others.logic.history().undo()
    assert all((others.read(name) == voxels).all() for name, voxels in before.items())


def testWithoutAnAreaTheWorkerHearsOfNoEvidence(others):
    others.paint(0, [3, 12])
    others.logic.editorNode.SetOverwriteMode(slicer.vtkMRMLSegmentEditorNode.OverwriteNone)
    others.runToPreview()
    call = others.workers[-1].calls[-1]
    assert call.evidence is None and "excluded" not in call.options
    assert "other_segments" not in others.logic.results.run


def testSegmentsOfARunCompeteAndDoNotExcludeEachOther(others):
    """Also in the second run, when each holds what it was given in the first, and gives some of it up."""
    third = others.segmentation.GetSegmentation().AddEmptySegment("third", "third")
    others.write(box((0, 18), (0, 12), (30, 34)), third)
    setArea(others, "outsideAll")
    others.paint(0, [3, 12])
    others.write(box((4, 5), (22, 30), (20, 30)) | box((12, 13), (22, 30), (20, 30)), others.other)
    others.logic.parameters = Parameters(scope="visible")
    others.segmentation.GetDisplayNode().SetSegmentVisibility(third, False)
    forbidden = others.read(others.hidden) | others.read(third)
    others.runToPreview()
    assert (forbiddenOf(others, 1) == forbidden).all() and (forbiddenOf(others, 2) == forbidden).all()
    others.logic.applyPreview()
    # The boundary moves: the organ grows where the other one is now.
    moved = others.read()
    moved[7] = box((0, 1), (6, 28), (6, 26))[0] & ~forbidden[7]
    others.logic.editorNode.SetMaskMode(NODE.EditAllowedEverywhere)
    others.write(moved)
    others.write(others.read(others.other) & ~moved, others.other)
    setArea(others, "outsideAll")
    others.runToPreview()
    assert (forbiddenOf(others, 1) == forbidden).all()
    proposals = {name: mask.filled() for name, mask in others.logic.preview.masks().items()}
    others.logic.applyPreview()
    for name, proposal in proposals.items():
        assert (others.read(name) == proposal).all()
    assert (others.read(third) == box((0, 18), (0, 12), (30, 34))).all()


@pytest.mark.parametrize("overwrite", ["OverwriteAllSegments", "OverwriteVisibleSegments", "OverwriteNone"])
def testTheOverwriteModeExcludesNothing(others, overwrite):
    others.logic.editorNode.SetOverwriteMode(getattr(slicer.vtkMRMLSegmentEditorNode, overwrite))
    others.propagate(0, [15])
    assert not forbiddenOf(others).any()
    setArea(others, "outsideVisible")
    others.runToPreview()
    assert (forbiddenOf(others) == others.read(others.other)).all()


@pytest.mark.parametrize("allowsOverlap", [False, True])
def testCompletedSegmentsExcludeWhereThatIsChosen(others, allowsOverlap):
    segmentation = others.segmentation.GetSegmentation()
    LOGIC.SetSegmentStatus(segmentation.GetSegment(others.hidden), LOGIC.Completed)
    LOGIC.SetSegmentStatus(segmentation.GetSegment(others.organ), LOGIC.Completed)
    LOGIC.SetSegmentStatus(segmentation.GetSegment(others.other), LOGIC.Flagged)
    if allowsOverlap:
        others.logic.editorNode.SetOverwriteMode(slicer.vtkMRMLSegmentEditorNode.OverwriteNone)
    others.propagate(0, [3, 12])
    assert not forbiddenOf(others).any(), "not chosen"
    others.logic.parameters = Parameters(completedExclude=True)
    others.runToPreview()
    expected = np.zeros(SHAPE, bool) if allowsOverlap else others.read(others.hidden)
    assert (forbiddenOf(others) == expected).all(), "overlap is wanted" if allowsOverlap else "not the segment itself"
    setArea(others, "insideSingle", others.hidden)
    others.runToPreview()
    assert (forbiddenOf(others) == ~others.read(others.hidden)).all(), "what contains does not exclude"


def testLesionThatWasTakenFromItsOrganStaysInside(others):
    """Writing inside a segment takes voxels from it. They are no less inside in the next run, and it gets them back."""
    organ = box((2, 16), (4, 30), (4, 30))
    others.write(organ, others.other)
    setArea(others, "insideSingle", others.other)
    painted = box((5, 6), (8, 20), (8, 20)) | box((12, 13), (8, 20), (8, 20))

    def paint(mask):  # as the Segment Editor does: what is painted is taken from the other
        others.write(others.read() | mask)
        others.write(others.read(others.other) & ~mask, others.other)

    paint(painted)
    others.runToPreview()
    first = others.proposal()
    others.logic.applyPreview()
    assert (others.read() == first).all() and first[8, 10, 10]
    assert (others.read(others.other) == organ & ~first).all()
    # Corrected to be smaller on one slice.
    smaller = first.copy()
    smaller[9] = box((9, 10), (10, 14), (10, 14))[9]
    others.write(smaller)
    others.write(organ & ~smaller, others.other)
    others.runToPreview()
    assert (forbiddenOf(others) == ~organ).all()
    second = others.proposal()
    assert second[8].sum() < first[8].sum() and second[8].any()
    others.logic.applyPreview()
    assert (others.read() == second).all()
    assert (others.read(others.other) == organ & ~second).all(), "what the lesion gives up is the organ's again"
    assert others.logic.history().undo()
    assert (others.read() == smaller).all() and (others.read(others.other) == organ & ~smaller).all()


def testWhatWasWrittenElsewhereIsNotInside(others):
    """An earlier result that leaked out of the organ is forbidden, once the area says so; Slicer lets it stay."""
    drawn = others.propagate(0, [3, 12])
    others.logic.applyPreview()
    leaked = others.read()
    setArea(others, "insideSingle", others.other)
    others.runToPreview()
    inside = others.read(others.other)
    assert (forbiddenOf(others) == ~inside).all()
    assert not (others.proposal() & ~inside & ~drawn).any()
    others.logic.applyPreview()
    assert (others.read() & ~inside == leaked & ~inside).all()
    others.runToPreview()
    assert (forbiddenOf(others) == ~others.read(others.other)).all(), "it still is"


@pytest.mark.parametrize(
    ("mode", "inside", "said"),
    [
        ("insideSingle", "gone", "The segment of the editable area is gone"),
        ("insideSingle", "empty", "empty: nothing is in there"),
        ("insideSingle", "drawn", "leaves nothing to fill"),
    ],
)
def testAreaThatLeavesNothingIsSaid(others, mode, inside, said):
    drawn = others.paint(0, [3, 12])
    segmentation = others.segmentation.GetSegmentation()
    if inside == "drawn":
        others.write(drawn, segmentation.AddEmptySegment("drawn"))
    setArea(others, mode, inside)
    with pytest.raises(SceneError, match=said):
        others.logic.startPropagation()
    assert others.logic.preview is None and (others.read() == drawn).all()


def testSegmentOnAnotherGridIsSaid(others):
    others.paint(0, [3, 12])
    setArea(others, "outsideAll")
    geometry = gridOfVolume(others.volume).ijkToLocal @ np.diag([0.5, 0.5, 0.5, 1])
    image = orientedImage(np.ones((8, 8, 8), np.uint8), (0, 0, 0), geometry)
    representation = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    segment = slicer.vtkSegment()
    segment.AddRepresentation(representation, image)
    others.segmentation.GetSegmentation().AddSegment(segment, "finer")
    with pytest.raises(OtherGridError, match="are not those of ct"):
        others.logic.startPropagation()


def testTheRunTellsWhatItWasTold(others):
    drawn = others.paint(0, [3, 12])
    setArea(others, "outsideAll")
    others.runToPreview()
    told = others.logic.results.run["other_segments"]
    forbidden = others.read(others.other) | others.read(others.hidden)
    assert told["inside"] is None
    assert [one["name"] for one in told["outside"]] == ["other", "hidden", "empty"]
    assert told["voxels"] == forbidden.sum()
    assert told["painted_voxels"] == (forbidden & drawn).sum() > 0


def testAnotherAreaIsOtherWork(others, view):
    """Propagating while somebody paints begins anew; logits of a slice are not asked for with other evidence."""
    logic = others.logic
    others.paint(0, [3, 12])
    logic.updatePropagation()
    others.finish()
    logic.updatePropagation()
    assert not logic.state.isBusy
    setArea(others, "outsideAll")
    logic.updatePropagation()
    assert logic.state.isBusy
    others.finish()
    jumpToSlice(others.scene, others.volume, 0, 7)
    logic.logits.start()
    others.settle()
    question, run = others.workers[-1].calls[-1], others.workers[-1].calls[-2]
    assert (question.evidence == run.evidence).all()
    setArea(others, "everywhere")
    with pytest.raises(SceneError, match="What other segments exclude has changed"):
        logic.logits.start()
