"""Fixtures for the tests of the Slicer module on real MRML, without the Slicer application."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("slicer", reason="needs slicer-core (pip install slicer-core)")

import slicer
import slicer.util
import vtk
from PatchICLSegmentLib.Logic import PatchICLSegmentLogic
from PatchICLSegmentLib.State import State

from Testing.StandIn.Headless import HeadlessSlicer
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
        while self.logic.state.isBusy:
            self.logic.poll()


@pytest.fixture(params=[straightGeometry, obliqueGeometry], ids=["straight", "oblique"])
def workplace(scene, request):
    place = Workplace(scene, request.param())
    yield place
    place.logic.shutdown()


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
    desk.panel.cleanup()
    desk.panel.widget.close()


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


def finish(logic) -> None:
    while logic.state.isBusy:
        logic.poll()
