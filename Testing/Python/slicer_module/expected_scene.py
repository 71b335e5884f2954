"""A scene beside what it is expected to hold, for tests that take random steps."""

import sys
import tempfile
from collections import Counter
from typing import ClassVar

import numpy as np
import pytest

pytest.importorskip("slicer", reason="needs slicer-core (pip install slicer-core)")

import slicer
import slicer.util
import vtk
from hypothesis.stateful import RuleBasedStateMachine, invariant
from PatchICLSegmentLib.Errors import SceneError
from PatchICLSegmentLib.Logic import PatchICLSegmentLogic
from PatchICLSegmentLib.State import State
from vtk.util.numpy_support import vtk_to_numpy

from Testing.StandIn.Headless import HeadlessSlicer
from Testing.StandIn.Worker import NearestSliceWorker

Points = frozenset[tuple[float, float, float]]


def pointsOf(segmentationNode, segmentId: str) -> Points:
    """Where the voxels of a segment lie, in the coordinates of its node."""
    representation = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId)
    image = segment.GetRepresentation(representation)
    if image is None or not image.GetNumberOfPoints():
        return frozenset()
    values = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(tuple(reversed(image.GetDimensions())))
    indices = np.argwhere(values == segment.GetLabelValue())[:, ::-1] + np.array(image.GetExtent())[::2]
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    return placed(indices, slicer.util.arrayFromVTKMatrix(matrix))


def placed(points: np.ndarray, matrix: np.ndarray) -> Points:
    moved = np.asarray(points, float).reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]
    return frozenset(map(tuple, (np.round(moved, 1) + 0.0).tolist()))


def worldOf(node) -> np.ndarray:
    matrix = vtk.vtkMatrix4x4()
    if node.GetParentTransformNode() is not None:
        node.GetParentTransformNode().GetMatrixTransformToWorld(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def situation(volumeNode, segmentationNode):
    """How a segmentation lies to the voxels of a volume, and these voxels; None where a warp lies between."""
    if any(
        transform and not transform.IsTransformToWorldLinear() for transform in parents(volumeNode, segmentationNode)
    ):
        return None
    matrix = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(matrix)
    relation = np.linalg.inv(worldOf(segmentationNode)) @ worldOf(volumeNode) @ slicer.util.arrayFromVTKMatrix(matrix)
    image = volumeNode.GetImageData()
    voxels = slicer.util.arrayFromVolume(volumeNode).tobytes() if image is not None else b""
    return (np.round(relation, 3) + 0.0).tolist(), voxels


def parents(*nodes):
    return [node.GetParentTransformNode() for node in nodes]


class ExpectedScene(RuleBasedStateMachine):
    """What holds whatever is done; the rules that do it are its heirs'.

    Attributes:
        expected: what every segment of the user's segmentations holds, kept beside the scene by the rules alone.
        painted: of that, what came from the user's hand.
        past, future: states of a segmentation that undo and redo lead to.
        began: what a run began with, by its preview's node.
        happened: how often what, over all examples.
    """

    happened: ClassVar[Counter] = Counter()

    def __init__(self):
        super().__init__()
        self.problems: list[BaseException] = []
        # VTK prints what its observers raise and goes on.
        self.usualHook, sys.excepthook = sys.excepthook, lambda _kind, error, _trace: self.problems.append(error)
        self.application = HeadlessSlicer()
        self.scene = self.application.scene
        self.folder = tempfile.TemporaryDirectory()
        self.expected: dict = {}
        self.painted: dict = {}
        self.past: dict = {}
        self.future: dict = {}
        self.saved: dict = {}
        self.began: dict = {}
        self.workers: list[NearestSliceWorker] = []
        self.logic = self.makeLogic()

    def teardown(self):
        self.logic.shutdown()
        self.application.close()
        self.folder.cleanup()
        sys.excepthook = self.usualHook

    def makeLogic(self):
        def makeWorker(device, weights):
            self.workers.append(NearestSliceWorker(device, weights, slicesPerPoll=1))
            return self.workers[-1]

        logic = PatchICLSegmentLogic(self.scene, makeWorker=makeWorker)
        logic.failed.connect(self.checkSentence)
        return logic

    # What there is

    def nodes(self, className):
        count = self.scene.GetNumberOfNodesByClass(className)
        return [self.scene.GetNthNodeByClass(number, className) for number in range(count)]

    @property
    def volumes(self):
        return [node for node in self.nodes("vtkMRMLScalarVolumeNode") if node.GetName().startswith("volume")]

    @property
    def segmentations(self):
        return [node for node in self.nodes("vtkMRMLSegmentationNode") if not node.GetHideFromEditors()]

    @property
    def transforms(self):
        return self.nodes("vtkMRMLTransformNode")

    def contents(self, node) -> dict[str, Points]:
        return {name: pointsOf(node, name) for name in node.GetSegmentation().GetSegmentIDs()}

    def register(self, node) -> None:
        self.expected[node] = self.contents(node)
        self.painted[node] = {name: frozenset() for name in self.expected[node]}
        self.past[node], self.future[node] = [], []

    def forget(self, node) -> None:
        for kept in (self.expected, self.painted, self.past, self.future):
            kept.pop(node, None)

    def state(self, node):
        return dict(self.expected[node]), dict(self.painted[node])

    def saveForUndo(self) -> None:
        """As the Segment Editor does before anything that changes segments."""
        node = self.logic.segmentationNode
        self.logic.history().saveStateForUndo()
        self.past[node].append(self.state(node))
        self.future[node].clear()

    # What holds

    def checkSentence(self, text: str) -> None:
        assert text and "Error" not in text and "\n" not in text, text

    def attempt(self, action, *arguments) -> bool:
        """Does it; what cannot be done is said in a sentence."""
        try:
            action(*arguments)
        except SceneError as error:
            self.checkSentence(str(error))
            return False
        return True

    @invariant()
    def count(self):
        self.happened["step"] += 1
        self.happened[self.logic.state.value] += 1

    @invariant()
    def nothingWasRaisedInAnObserver(self):
        assert not self.problems, self.problems

    @invariant()
    def everySegmentIsAsExpected(self):
        assert set(self.segmentations) == self.expected.keys()
        for node in self.segmentations:
            assert self.contents(node) == self.expected[node], node.GetName()

    @invariant()
    def stateAndPreviewAgree(self):
        logic = self.logic
        assert (logic.preview is not None) == (logic.state is not State.IDLE)
        if logic.preview is not None:
            assert self.contents(logic.preview.node).keys() <= self.contents(logic.preview.segmentationNode).keys()
        hidden = [node for node in self.nodes("vtkMRMLSegmentationNode") if node.GetHideFromEditors()]
        assert hidden == ([logic.preview.node] if logic.preview is not None else [])
        assert logic.parameterNode.reference("Preview") is (logic.preview.node if logic.preview is not None else None)
