"""Fixtures for the tests of the Slicer module on real MRML, without the Slicer application."""

import gc

import numpy as np
import pytest

pytest.importorskip("slicer", reason="needs slicer-core (pip install slicer-core)")

import slicer
import slicer.util
import vtk
from PatchICLSegmentLib.Logic import PatchICLSegmentLogic
from PatchICLSegmentLib.State import State

from Testing.StandIn.Headless import HeadlessSlicer, SliceView
from Testing.StandIn.Worker import NearestSliceWorker

SHAPE = (18, 40, 48)


def obliqueGeometry() -> np.ndarray:
    """IJK to RAS of an anisotropic volume that is tilted by 20 degrees and flipped along i and j."""
    angle = np.deg2rad(20)
    rotation = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    matrix = np.eye(4)
    matrix[:3, :3] = rotation @ np.diag([-0.8, -0.9, 2.5])
    matrix[:3, 3] = [20, 15, -30]
    return matrix


def straightGeometry() -> np.ndarray:
    matrix = np.diag([-0.8, -0.9, 2.5, 1.0])
    matrix[:3, 3] = [20, 15, -30]
    return matrix


def warpNode(scene, node) -> None:
    """Puts a node under a thin-plate spline: a transform that is not linear."""
    warp = vtk.vtkThinPlateSplineTransform()
    corners = ((0, 0, 0), (50, 0, 0), (0, 50, 0), (0, 0, 50), (50, 50, 50))
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    for number, corner in enumerate(corners):
        source.InsertNextPoint(corner)
        target.InsertNextPoint(corner[0] + number % 2, corner[1], corner[2])
    warp.SetSourceLandmarks(source)
    warp.SetTargetLandmarks(target)
    warp.SetBasisToR()
    transform = scene.AddNewNodeByClass("vtkMRMLTransformNode")
    transform.SetAndObserveTransformToParent(warp)
    node.SetAndObserveTransformNodeID(transform.GetID())


@pytest.fixture
def application():
    application = HeadlessSlicer()
    yield application
    application.close()


@pytest.fixture
def scene(application):
    return application.scene


class Workplace:
    """A volume, a segmentation with two segments, and the logic with a worker that needs no network."""

    def __init__(self, scene, geometry):
        self.scene = scene
        image = np.random.default_rng(3).normal(100, 15, SHAPE).astype(np.int16)
        self.volume = slicer.util.addVolumeFromArray(image, geometry, "ct")
        self.workers = []
        self.logic = PatchICLSegmentLogic(scene, makeWorker=self.makeWorker)
        self.messages = []  # what failed
        self.logic.failed.connect(self.messages.append)
        self.logic.select(self.volume, None)
        self.segmentation = self.logic.createSegmentation()
        self.organ = self.logic.segmentId
        self.other = self.segmentation.GetSegmentation().AddEmptySegment("other", "other")

    def makeWorker(self, device, weights):
        self.workers.append(NearestSliceWorker(device, weights))
        return self.workers[-1]

    def read(self, segmentId=None) -> np.ndarray:
        """Voxels of a segment as Slicer's own exporter sees them."""
        segmentId = segmentId or self.organ
        return slicer.util.arrayFromSegmentBinaryLabelmap(self.segmentation, segmentId, self.volume) > 0

    def write(self, mask, segmentId=None) -> None:
        slicer.util.updateSegmentBinaryLabelmapFromArray(
            np.asarray(mask).astype(np.uint8), self.segmentation, segmentId or self.organ, self.volume
        )

    def paint(self, axis: int, indices, segmentId=None, size: int = 9) -> np.ndarray:
        """Adds a square, a little larger on every slice, to slices of an axis; returns the segment's voxels."""
        mask = self.read(segmentId)
        for number, index in enumerate(indices):
            region = [slice(6, 6 + size + number)] * 3
            region[axis] = index
            mask[tuple(region)] = True
        self.write(mask, segmentId)
        return mask

    def runToPreview(self) -> None:
        self.logic.startPropagation()
        self.finish()

    def propagate(self, axis: int, indices, segmentId=None, size: int = 9) -> np.ndarray:
        """Paints as `paint`, and propagates until there is a preview; returns what `paint` gave."""
        painted = self.paint(axis, indices, segmentId, size)
        self.runToPreview()
        return painted

    def startUntil(self, done: int) -> None:
        """Propagates until so many slices are there."""
        self.logic.startPropagation()
        while self.logic.progress is None or self.logic.progress.done < done:
            self.logic.poll()

    def finish(self) -> None:
        while self.logic.state.isBusy:
            self.logic.poll()

    def settle(self) -> None:
        """Until nothing is expected of the worker."""
        while self.logic.needsPolling:
            self.logic.poll()

    def proposal(self, segmentId=None) -> np.ndarray:
        """Voxels of a segment in the preview."""
        return self.logic.preview.masks()[segmentId or self.organ].filled()

    def indices(self) -> list[int]:
        """Of the slices that count as painted."""
        return [row.index for row in self.logic.painting.slices()]

    def reload(self) -> None:
        """What a reload of the module does: another logic for the same scene."""
        self.logic.shutdown()
        self.logic = PatchICLSegmentLogic(self.scene, makeWorker=self.makeWorker)

    def saveAndLoad(self, folder) -> None:
        """Saves the scene, closes it, and loads it for another logic."""
        path = str(folder / "scène; a:b.mrb")
        assert self.scene.WriteToMRB(path)
        self.logic.shutdown()
        self.scene.Clear(False)
        self.logic = PatchICLSegmentLogic(self.scene, makeWorker=self.makeWorker)
        assert self.scene.ReadFromMRB(path)
        self.volume, self.segmentation = self.logic.volumeNode, self.logic.segmentationNode


@pytest.fixture(scope="module", autouse=True)
def viewsEnd():
    """Collects what tests leave here: a thread of later tests, collecting it, may not touch windows of this one."""
    yield
    gc.collect()


@pytest.fixture
def geometry():
    return obliqueGeometry()


def eitherGeometry():
    """A fixture instead, for a file whose tests are about where voxels lie."""
    geometries = {"straight": straightGeometry, "oblique": obliqueGeometry}
    return pytest.fixture(name="geometry", params=geometries)(lambda request: geometries[request.param]())


@pytest.fixture
def workplace(scene, geometry):
    place = Workplace(scene, geometry)
    yield place
    place.logic.shutdown()


@pytest.fixture
def view(application, workplace):
    """An axial view of the workplace's volume."""
    view = SliceView(application, "Red", "Axial", (240, 240))
    view.show(workplace.volume)
    return view


@pytest.fixture(scope="session")
def qtApplication():
    pytest.importorskip("PySide6", reason="needs PySide6-Essentials")
    from Testing.StandIn import PythonQt

    PythonQt.install()
    return PythonQt.application()


@pytest.fixture
def desk(application, qtApplication):
    """The panel with a mouse, entered."""
    from Testing.StandIn.Desk import Desk

    desk = Desk(application, qtApplication)
    yield desk
    desk.close()


@pytest.fixture
def place(scene):
    """A workplace of a volume that is not tilted."""
    place = Workplace(scene, straightGeometry())
    yield place
    place.logic.shutdown()


def begin(place, polls=3) -> None:
    """Starts a run that still goes on after some answers of the worker."""
    place.logic.startPropagation()
    for _number in range(polls):
        place.logic.poll()
    assert place.logic.state is State.RUNNING
