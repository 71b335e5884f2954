"""A preview is applied only to what it was made of: same nodes, geometry and transforms, a run that is complete."""

import numpy as np
import pytest
import slicer
import slicer.util
from PatchICLSegmentLib.Errors import SceneError
from PatchICLSegmentLib.Parameters import Parameters
from PatchICLSegmentLib.State import State
from vtk.util.numpy_support import vtk_to_numpy

from .conftest import SHAPE, begin, straightGeometry, warpNode


def transformNode(scene, shift=(5.0, -7.0, 6.3)):
    node = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = np.eye(4)
    matrix[:3, 3] = shift
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    return node


def under(node, transform) -> None:
    node.SetAndObserveTransformNodeID(transform.GetID() if transform is not None else None)


def moveVolume(place):
    under(place.volume, transformNode(place.scene))


def changeVoxels(change):
    def ofVolume(place):
        slicer.util.updateVolumeFromArray(place.volume, change(slicer.util.arrayFromVolume(place.volume)).copy())

    return ofVolume


dropSlices = changeVoxels(lambda array: array[:12])
CHANGES = {
    "volume moved": moveVolume,
    "segmentation moved": lambda place: under(place.segmentation, transformNode(place.scene)),
    "spacing": lambda place: place.volume.SetSpacing(0.8, 0.9, 2.6),
    "origin": lambda place: place.volume.SetOrigin(1.0, 2.0, 3.0),
    "fewer slices": dropSlices,
    "more slices": changeVoxels(lambda array: np.concatenate([array, array])),
    "no voxels": lambda place: place.volume.SetAndObserveImageData(None),
    "other voxels": changeVoxels(lambda array: array[::-1]),
    "volume warped": lambda place: warpNode(place.scene, place.volume),
    "segmentation warped": lambda place: warpNode(place.scene, place.segmentation),
}


def voxels(segmentation, segmentId) -> tuple:
    """What a segment holds, in its own coordinates."""
    image = slicer.vtkOrientedImageData()
    segmentation.GetBinaryLabelmapRepresentation(segmentId, image)
    if not image.GetNumberOfPoints():
        return ()
    array = vtk_to_numpy(image.GetPointData().GetScalars())
    return tuple(np.flatnonzero(array)), image.GetExtent()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def testChangeDuringTheRunStopsItInASentence(place, change):
    place.paint(0, [2, 15])
    before = voxels(place.segmentation, place.organ)
    begin(place)
    change(place)
    place.logic.poll()
    assert place.logic.state is State.IDLE and place.logic.preview is None
    assert len(place.messages) == 1 and "propagate again" in place.messages[0]
    assert voxels(place.segmentation, place.organ) == before


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def testChangeUnderThePreviewLeavesDiscardOnly(place, change):
    place.paint(0, [2, 15])
    before = voxels(place.segmentation, place.organ)
    place.runToPreview()
    assert place.logic.previewProblem is None
    told = []
    place.logic.stateChanged.connect(lambda: told.append(place.logic.previewProblem))
    change(place)
    assert told and "discard" in told[-1], "whoever shows the preview hears of it"
    with pytest.raises(SceneError, match="discard it"):
        place.logic.applyPreview()
    assert place.logic.state is State.PREVIEW and voxels(place.segmentation, place.organ) == before
    place.logic.discardPreview()
    assert place.logic.state is State.IDLE and voxels(place.segmentation, place.organ) == before


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def testChangeWhileTheWorkerHandsOverTheRest(place, change):
    place.paint(0, [2, 15])
    before = voxels(place.segmentation, place.organ)
    begin(place)
    place.logic.cancel(keepPartialResult=True)
    assert place.logic.state is State.KEEPING
    change(place)
    place.settle()
    with pytest.raises(SceneError, match="discard it"):
        place.logic.applyPreview()
    assert voxels(place.segmentation, place.organ) == before


def testPutBackAndThePreviewFitsAgain(place):
    place.propagate(0, [2, 15])
    moveVolume(place)
    assert place.logic.previewProblem is not None
    under(place.volume, None)
    assert place.logic.previewProblem is None
    place.logic.applyPreview()
    assert place.read().any(axis=(1, 2)).sum() == 14


@pytest.mark.parametrize("when", ["running", "preview"])
def testMovedTogetherItMovesAlong(place, when):
    place.paint(0, [2, 15])
    place.logic.startPropagation()
    place.logic.poll()
    if when == "preview":
        place.finish()
    transform = transformNode(place.scene)
    for node in (place.volume, place.segmentation):
        under(node, transform)
    place.finish()
    assert place.logic.preview.node.GetParentTransformNode() is transform
    proposal = place.proposal()
    place.logic.applyPreview()
    assert (place.read() == proposal).all() and proposal.any(axis=(1, 2)).sum() == 14


def testPreviewThatWasMovedByHandIsNotApplied(place):
    place.propagate(0, [2, 15])
    under(place.logic.preview.node, transformNode(place.scene))
    with pytest.raises(SceneError, match="preview was put under another transform"):
        place.logic.applyPreview()
    under(place.logic.preview.node, None)
    place.logic.applyPreview()
    assert place.read()[7].any()


def testPreviewOfAnotherSegmentationIsNotApplied(place):
    logic = place.logic
    drawn = place.propagate(0, [2, 15])
    logic.select(place.volume, None)
    other = logic.createSegmentation()
    otherVolume = slicer.util.addVolumeFromArray(np.zeros(SHAPE, np.int16), straightGeometry(), "mr")
    for volume, segmentation, name in (
        (place.volume, other, place.segmentation.GetName()),
        (place.volume, None, place.segmentation.GetName()),
        (None, place.segmentation, "ct"),
        (otherVolume, place.segmentation, "ct"),
        (None, None, place.segmentation.GetName()),
    ):
        logic.select(volume, segmentation)
        with pytest.raises(SceneError, match="belongs to " + name):
            logic.applyPreview()
        assert (place.read() == drawn).all()
    logic.select(place.volume, place.segmentation)
    logic.applyPreview()
    assert place.read().any(axis=(1, 2)).sum() == 14
    assert logic.history().undo() and (place.read() == drawn).all()


def testSelectionDuringTheRunDoesNotMatter(place):
    place.paint(0, [2, 15])
    begin(place)
    place.logic.select(None, None)
    place.finish()
    assert (
        place.logic.state is State.PREVIEW and place.logic.results.run["segmentation"] == place.segmentation.GetName()
    )
    place.logic.select(place.volume, place.segmentation)
    place.logic.applyPreview()
    assert place.read().any(axis=(1, 2)).sum() == 14


@pytest.mark.parametrize("when", ["running", "keeping", "preview"])
def testSegmentThatIsRemovedTakesItsPreviewAlong(place, when):
    place.paint(0, [2, 15])
    begin(place)
    if when == "keeping":
        place.logic.cancel(keepPartialResult=True)
    if when == "preview":
        place.finish()
    place.segmentation.GetSegmentation().RemoveSegment(place.organ)
    assert place.logic.state is State.IDLE and place.logic.preview is None
    assert len(place.messages) == 1 and "Structure was removed" in place.messages[0]


@pytest.mark.parametrize("when", ["running", "preview"])
def testOneOfSeveralSegmentsIsRemoved(place, when):
    """Another segment that gets the same identifier is not written into."""
    place.paint(0, [2, 15])
    otherDrawn = place.paint(0, [3, 12], place.other)
    editorNode = place.logic.editorNode
    editorNode.SetOverwriteMode(editorNode.OverwriteNone)
    place.logic.parameters = Parameters(scope="visible")
    begin(place)
    if when == "preview":
        place.finish()
    place.segmentation.GetSegmentation().RemoveSegment(place.organ)
    place.segmentation.GetSegmentation().AddEmptySegment(place.organ, "another")
    place.finish()
    assert place.logic.state is State.PREVIEW and place.logic.preview.masks().keys() == {place.other}
    place.logic.applyPreview()
    assert not place.read().any()
    assert (place.read(place.other)[[3, 12]] == otherDrawn[[3, 12]]).all() and place.read(place.other)[7].any()


@pytest.mark.parametrize("when", ["running", "preview"])
def testPreviewThatLostItsSegments(place, when):
    drawn = place.paint(0, [2, 15])
    begin(place)
    if when == "preview":
        place.finish()
    place.logic.preview.node.GetSegmentation().RemoveAllSegments()
    if when == "running":
        place.logic.poll()
        assert place.logic.state is State.IDLE and "lost its segments" in place.messages[0]
    else:
        with pytest.raises(SceneError, match="lost its segments"):
            place.logic.applyPreview()
    assert (place.read() == drawn).all()


@pytest.mark.parametrize("which", ["volume", "segmentation"])
@pytest.mark.parametrize("selected", [True, False])
def testNodeOfThePreviewIsRemoved(place, which, selected):
    place.propagate(0, [2, 15])
    if not selected:
        place.logic.select(None, None)
    name = getattr(place, which).GetName()
    place.scene.RemoveNode(getattr(place, which))
    assert place.logic.state is State.IDLE and place.messages == [f"{name} was removed, and its preview with it."]


def testNothingSelectedIsASentence(place):
    place.logic.select(None, None)
    for action in (place.logic.startPropagation, place.logic.history, place.logic.writer):
        with pytest.raises(SceneError, match="Select a"):
            action()


def testVolumeWithFewerSlicesThanWereWritten(place):
    place.propagate(0, [2, 15])
    place.logic.applyPreview()
    dropSlices(place)
    assert place.indices() == [2]
    place.runToPreview()


@pytest.mark.parametrize("action", ["erase", "another axis", "stroke"])
def testWhatIsPaintedDuringThePreviewWins(place, action):
    drawn = place.propagate(0, [2, 15])
    now = drawn.copy()
    if action == "erase":
        now[15] = False
    elif action == "another axis":
        now[4:9, 10:20, 30] = True
    else:
        now[7, 20:23, 20:23] = True
    place.write(now)
    changed = now != drawn
    place.logic.applyPreview()
    result = place.read()
    assert (result[changed] == now[changed]).all() and (result[2] == now[2]).all()
    if action == "another axis":
        assert (result[:, :, 30] == now[:, :, 30]).all()
    assert result[3:13, 8, 8].all(), "all else is filled"


def testSlicesOfAnotherSegmentationDoNotStayInSight(place):
    """Its segments may have the same identifiers."""
    place.propagate(0, [2, 15])
    first, firstId = place.segmentation, place.organ
    place.logic.select(place.volume, None)
    place.segmentation = place.logic.createSegmentation()
    place.segmentation.GetSegmentation().RemoveAllSegments()
    place.segmentation.GetSegmentation().AddEmptySegment(firstId, "another")
    place.logic.select(place.volume, place.segmentation, firstId)
    drawn = place.paint(0, [5, 9])
    place.logic.updatePropagation()
    assert place.logic.preview.segmentationNode is place.segmentation is not first
    assert (place.proposal() == drawn).all()
