"""All frames of a sequence from the one that is painted: written beside them, the user's own untouched."""

import numpy as np
import pytest
import slicer
import slicer.util
from PatchICLSegmentLib.Errors import SceneError
from PatchICLSegmentLib.Logic import PatchICLSegmentLogic
from PatchICLSegmentLib.Parameters import Parameters
from PatchICLSegmentLib.SceneIO.Frames import Frames
from PatchICLSegmentLib.State import State
from PatchICLSegmentLib.WorkerSession import defaultWorker

from Testing.Miniatures.moving import SPACING, dice, moving_phantom
from Testing.StandIn.Headless import sequenceOf

VALUES = ("0", "0.2", "0.4", "0.6", "0.8")
CURRENT = 2


class Story:
    """A workplace whose volume is a frame of five, with two finished segments that overlap."""

    def __init__(self, place):
        self.place, self.logic = place, place.logic
        image = slicer.util.arrayFromVolume(place.volume).copy()
        self.images = [image + 10 * number for number in range(5)]
        self.browser, self.sequence = sequenceOf(place.scene, place.volume, VALUES, self.images, CURRENT)
        place.paint(0, range(4, 9))
        self.logic.parameters = Parameters(scope="visible")
        segment = place.segmentation.GetSegmentation().GetSegment(place.other)
        place.segmentation.GetSegmentation().SeparateSegmentLabelmap(place.other)
        segment.SetColor(0.1, 0.7, 0.3)
        segment.SetTag("TerminologyEntry", "some~code")
        segment.SetTag("PatchICL.Weights", "sparse")
        other = np.zeros_like(place.read())
        other[5:9, 8:12, 7:20] = True
        place.write(other, place.other)
        self.masks = {name: place.read(name) for name in (place.organ, place.other)}

    def fill(self):
        self.logic.sequence.start()
        self.finish()

    def finish(self):
        while self.logic.sequence.isBusy:
            self.logic.poll()

    def fillOne(self):
        self.logic.sequence.start()
        while not self.filled:
            self.logic.poll()

    @property
    def filled(self):
        return self.logic.sequence.frames.filled()

    def shown(self, number, name):
        """Voxels that the node of the result shows on a frame, as Slicer's own exporter sees them."""
        self.browser.SetSelectedItemNumber(number)
        proxy = self.filled.proxy
        if proxy.GetSegmentation().GetSegment(name) is None:
            return None
        return slicer.util.arrayFromSegmentBinaryLabelmap(proxy, name, self.place.volume) > 0

    def assertMineUntouched(self):
        for name, mask in self.masks.items():
            assert np.array_equal(self.place.read(name), mask)


@pytest.fixture
def story(workplace):
    return Story(workplace)


def testAllFramesAreFilledAndNothingElseChanges(story, capfd):
    place, logic = story.place, story.logic
    said = []
    logic.sequence.changed.connect(lambda: said.append(logic.sequence.told))
    story.fill()
    # neighbors of the painted frame moved by a voxel, those behind by two
    for number, moved in enumerate((2, 1, 0, 1, 2)):
        for name, mask in story.masks.items():
            assert np.array_equal(story.shown(number, name), np.roll(mask, moved, axis=2)), (number, name)
        assert np.array_equal(slicer.util.arrayFromVolume(place.volume), story.images[number])
    story.assertMineUntouched()
    assert "failed" not in "".join(capfd.readouterr())  # nothing that Slicer's log would show in red
    calls = place.workers[-1].calls
    assert len(place.workers) == 1
    assert [call.options["follow"] for call in calls] == ["painted", "next", "next"] * 2
    sent = [int(round((call.image - story.images[0]).mean() / 10)) for call in calls]
    assert sent == [2, 3, 4, 2, 1, 0]
    assert "Frame 3 of 5..." in said
    assert logic.sequence.told == (
        "4 other frames are filled. Little like the painted one, look at them: 0 (0), 4 (0.8)."
    )


def testTheResultLooksLikeWhatItCameFrom(story):
    story.fill()
    filled, place = story.filled, story.place
    assert filled.sequence.GetIndexName() == "time" and filled.sequence.GetNumberOfDataNodes() == 5
    segment = filled.proxy.GetSegmentation().GetSegment(place.other)
    assert segment.GetName() == "other" and segment.GetColor() == pytest.approx((0.1, 0.7, 0.3))
    assert segment.HasTag("TerminologyEntry") and not segment.HasTag("PatchICL.Weights")
    assert filled.proxy.GetDisplayNode() is not None
    assert not place.segmentation.GetDisplayNode().GetVisibility()  # it would lie over all frames


def testItLiesWhereAMovedVolumeLies(story):
    transform = story.place.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(np.diag([1.0, 1.0, -1.0, 1.0])))
    for node in (story.place.volume, story.place.segmentation):
        node.SetAndObserveTransformNodeID(transform.GetID())
    story.fill()
    assert np.array_equal(story.shown(3, story.place.organ), np.roll(story.masks[story.place.organ], 1, axis=2))


def testDiscardIsOneStep(story):
    scene = story.place.scene
    before = {node.GetID() for node in slicer.util.getNodesByClass("vtkMRMLNode", scene)}
    story.fill()
    assert {node.GetID() for node in slicer.util.getNodesByClass("vtkMRMLNode", scene)} - before
    story.logic.sequence.discard()
    left = slicer.util.getNodesByClass("vtkMRMLNode", scene)
    assert {node.GetID() for node in left if not node.IsA("vtkMRMLSubjectHierarchyNode")} <= before
    assert story.filled is None and story.place.segmentation.GetDisplayNode().GetVisibility()
    story.assertMineUntouched()
    story.fill()
    assert story.filled.sequence.GetNumberOfDataNodes() == 5


def testWhatIsCorrectedOnAFrameStays(story):
    story.fill()
    story.browser.SetSelectedItemNumber(4)
    mask = np.zeros_like(story.masks[story.place.organ])
    mask[3:5, 10:12, 10:12] = True
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        mask.astype(np.uint8), story.filled.proxy, story.place.organ, story.place.volume
    )
    story.browser.SetSelectedItemNumber(0)
    assert np.array_equal(story.shown(4, story.place.organ), mask)
    story.assertMineUntouched()


def testCancelKeepsFinishedFrames(story):
    logic, place = story.logic, story.place
    story.fillOne()
    logic.sequence.cancel()
    assert not logic.sequence.isBusy and logic.sequence.told == "Stopped. 1 other frame is filled."
    assert np.array_equal(story.shown(3, place.organ), np.roll(story.masks[place.organ], 1, axis=2))
    assert np.array_equal(story.shown(CURRENT, place.organ), story.masks[place.organ])
    for number in (0, 1, 4):
        assert story.shown(number, place.organ) is None  # not what was seen on the frame before
    story.place.settle()
    story.browser.SetSelectedItemNumber(CURRENT)
    story.assertMineUntouched()
    story.logic.sequence.discard()
    story.fill()  # the same worker takes the next
    assert len(place.workers) == 1 and story.filled.sequence.GetNumberOfDataNodes() == 5


def testGoingToAnotherFrameMeanwhileChangesNothing(story):
    story.logic.sequence.start()
    while story.logic.sequence.isBusy:
        story.logic.poll()
        story.browser.SetSelectedItemNumber((story.browser.GetSelectedItemNumber() + 1) % 5)
    for number, moved in enumerate((2, 1, 0, 1, 2)):
        assert np.array_equal(story.shown(number, story.place.organ), np.roll(story.masks[story.place.organ], moved, 2))


def testAFailureKeepsFinishedFramesAndIsTold(story):
    said = []
    story.logic.failed.connect(said.append)
    story.fillOne()
    story.place.workers[-1].failure = "The worker ran out of memory."
    story.finish()
    assert said == ["The worker ran out of memory."]
    assert np.array_equal(story.shown(3, story.place.organ), np.roll(story.masks[story.place.organ], 1, axis=2))


def otherSize(story):
    other = slicer.util.addVolumeFromArray(story.images[0][1:], np.eye(4), "smaller")
    story.sequence.SetDataNodeAtValue(other, VALUES[4])


def otherPlace(story):
    moved = story.sequence.GetNthDataNode(1)
    moved.SetOrigin(0.0, 0.0, 7.0)


def halfPainted(story):
    mask = np.zeros_like(story.masks[story.place.organ])
    mask[4:6, 6:12, 6:12] = mask[8, 6:12, 6:12] = True
    story.place.write(mask)
    story.masks[story.place.organ] = mask


def pictures(story):
    nodes = [story.sequence.GetNthDataNode(number) for number in range(5)]
    for node in (*nodes, story.place.volume):
        slicer.util.updateVolumeFromArray(node, story.images[0][:1])
    mask = np.zeros((1, *story.images[0].shape[1:]), bool)
    mask[0, 6:12, 6:12] = True
    story.place.write(mask)
    story.masks = {story.place.organ: mask}


def nothing(story):
    story.place.write(0 * story.masks[story.place.organ])
    story.masks[story.place.organ] = 0 * story.masks[story.place.organ]
    story.logic.parameters = Parameters(scope="selected")
    story.logic.select(story.place.volume, story.place.segmentation, story.place.organ)


def noSequence(story):
    story.place.scene.RemoveNode(story.browser)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (otherSize, r"Frame 4 \(0.8\) lies on another grid than frame 2 \(0.4\)"),
        (otherPlace, r"Frame 1 \(0.2\) lies on another grid"),
        (halfPainted, "Painted on slices only: Structure. Propagate and apply"),
        (pictures, "load them as one volume"),
        (nothing, "Nothing is segmented on this frame"),
        (noSequence, "no frame of a sequence"),
    ],
)
def testWhatCannotBeFollowedIsRefusedInASentence(story, spoil, sentence):
    spoil(story)
    with pytest.raises(SceneError, match=sentence):
        story.logic.sequence.start()
    assert not story.logic.sequence.isBusy and not story.place.workers
    story.assertMineUntouched()


def testWhatLooksPaintedIsFollowedIfTheUserKnowsBetter(story):
    halfPainted(story)
    assert story.logic.sequence.paintedOnSlices() == ["Structure"]
    story.logic.sequence.start(asDrawn=True)
    story.finish()
    for name, mask in story.masks.items():
        assert np.array_equal(story.shown(3, name), np.roll(mask, 1, axis=2))


def testOneThingAtATime(story):
    logic = story.logic
    logic.sequence.start()
    for action in (logic.sequence.start, logic.startPropagation):
        with pytest.raises(SceneError, match="busy|being filled"):
            action()
    logic.sequence.cancel()
    story.place.settle()
    logic.parameters = Parameters(scope="selected")
    logic.select(story.place.volume, story.place.segmentation, story.place.organ)
    story.place.runToPreview()
    assert logic.state is State.PREVIEW
    with pytest.raises(SceneError, match="Apply or discard the preview"):
        logic.sequence.start()


@pytest.mark.parametrize("what", ["volume", "browser", "sequence", "result", "scene"])
def testWhatIsTakenAwayMeanwhile(story, what):
    logic, scene = story.logic, story.place.scene
    said = []
    logic.failed.connect(said.append)
    story.fillOne()
    if what == "scene":
        scene.Clear(0)
    else:
        nodes = {"volume": story.place.volume, "browser": story.browser, "sequence": story.sequence}
        scene.RemoveNode(nodes.get(what, story.filled.sequence))
        assert len(said) == 1 and "was removed while frames" in said[0]
    assert not logic.sequence.isBusy
    story.place.settle()


def testInThePanel(desk):
    desk.openPhantom()
    ui = desk.ui
    assert ui.framesWidget.isHidden()
    image = slicer.util.arrayFromVolume(desk.volume).copy()
    browser, _sequence = sequenceOf(desk.scene, desk.volume, VALUES[:3], [image + number for number in range(3)], 0)
    desk.paintWithMouse(4, 9)
    desk.settle()
    assert not ui.framesWidget.isHidden() and not ui.discardFramesButton.enabled
    desk.application.answer = False
    ui.fillFramesButton.click()
    assert "drawn on frame 0 (0)" in desk.application.questions[-1] and not desk.logic.sequence.isBusy
    assert "looks painted on some slices" in desk.application.questions[-1]
    ui.propagateButton.click()
    desk.waitWhileBusy()
    assert not ui.fillFramesButton.enabled  # the preview is not in the segment yet
    ui.applyButton.click()
    desk.settle()
    organ = desk.logic.segmentId
    desk.application.answer = True
    mine = slicer.util.arrayFromSegmentBinaryLabelmap(desk.logic.segmentationNode, organ, desk.volume)
    ui.fillFramesButton.click()
    assert "looks painted" not in desk.application.questions[-1]
    assert ui.fillFramesButton.isHidden() and not ui.cancelFramesButton.isHidden()
    assert "Frame 2 of 3" in ui.statusLabel.text and not ui.volumeSelector.enabled
    while desk.logic.sequence.isBusy:
        desk.settle()
    assert "2 other frames are filled" in ui.statusLabel.text and ui.volumeSelector.enabled
    browser.SetSelectedItemNumber(1)
    proxy = Frames.of(desk.scene, desk.volume).filled().proxy
    found = slicer.util.arrayFromSegmentBinaryLabelmap(proxy, organ, desk.volume)
    assert np.array_equal(found, np.roll(mine, 1, axis=2)) and found.any()
    desk.application.answer = False
    ui.discardFramesButton.click()
    assert ui.discardFramesButton.enabled and proxy.GetScene() is not None
    desk.application.answer = True
    ui.discardFramesButton.click()
    assert not ui.discardFramesButton.enabled and proxy.GetScene() is None
    assert np.array_equal(
        mine, slicer.util.arrayFromSegmentBinaryLabelmap(desk.logic.segmentationNode, organ, desk.volume)
    )


@pytest.mark.slow
def testWithTheWorkerProcess(scene):
    """What the panel's worker makes of a phantom that moves by some millimetres."""
    phantom = moving_phantom(frames=4, farthest=4.0)
    matrix = np.diag([-SPACING[2], -SPACING[1], SPACING[0], 1.0])
    volume = slicer.util.addVolumeFromArray(phantom.images[1], matrix, "heart")
    sequenceOf(scene, volume, VALUES[:4], phantom.images, 1)
    logic = PatchICLSegmentLogic(scene, makeWorker=defaultWorker)
    try:
        logic.parameters = Parameters(device="cpu", scope="visible")
        logic.select(volume, None)
        segmentation = logic.createSegmentation()
        for label in (1, 2):
            name = segmentation.GetSegmentation().AddEmptySegment(f"organ {label}", f"organ {label}")
            mask = (phantom.labels[1] == label).astype(np.uint8)
            slicer.util.updateSegmentBinaryLabelmapFromArray(mask, segmentation, name, volume)
        logic.sequence.start()
        while logic.sequence.isBusy:
            logic.poll()
        frames = logic.sequence.frames
        assert logic.sequence.told == "3 other frames are filled."
        for number, truth in enumerate(phantom.labels):
            frames.browser.SetSelectedItemNumber(number)
            for label in (1, 2):
                found = slicer.util.arrayFromSegmentBinaryLabelmap(frames.filled().proxy, f"organ {label}", volume) > 0
                assert dice(found, truth == label) > (0.999 if number == 1 else 0.88)
    finally:
        logic.shutdown()


def testItIsSavedWithTheScene(desk, tmp_path):
    desk.openPhantom()
    image = slicer.util.arrayFromVolume(desk.volume).copy()
    sequenceOf(desk.scene, desk.volume, VALUES[:3], [image + number for number in range(3)], 1)
    desk.paintWithMouse(*range(4, 9))
    desk.settle()
    organ = desk.logic.segmentId
    desk.application.answer = True
    mine = slicer.util.arrayFromSegmentBinaryLabelmap(desk.logic.segmentationNode, organ, desk.volume)
    desk.ui.fillFramesButton.click()
    while desk.logic.sequence.isBusy:
        desk.settle()
    desk.reload(str(tmp_path / "scene.mrb"))
    desk.settle()
    logic = desk.logic
    frames = logic.sequence.frames
    frames.browser.SetSelectedItemNumber(2)
    found = slicer.util.arrayFromSegmentBinaryLabelmap(frames.filled().proxy, organ, logic.volumeNode)
    assert np.array_equal(found, np.roll(mine, 1, axis=2)) and found.any()
    assert not logic.segmentationNode.GetDisplayNode().GetVisibility()
    desk.ui.discardFramesButton.click()
    assert logic.sequence.frames.filled() is None and logic.segmentationNode.GetDisplayNode().GetVisibility()
    assert np.array_equal(
        mine, slicer.util.arrayFromSegmentBinaryLabelmap(logic.segmentationNode, organ, logic.volumeNode)
    )
