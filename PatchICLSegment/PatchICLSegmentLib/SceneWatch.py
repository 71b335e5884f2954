"""Observes what can pull the ground from under a run: the scene closing, nodes removed, segments changed."""

import slicer
import vtk
from slicer.util import VTKObservationMixin

from .Signal import Signal


class SceneWatch(VTKObservationMixin):
    """Signals of the scene and of the nodes in use.

    Attributes:
        sceneClosing: the scene is about to be emptied.
        sceneImporting: another one is about to be added.
        sceneClosed: it is empty, or another one has been loaded.
        nodeRemoved(node): a node is about to leave the scene.
        segmentsChanged(): the segmentation being watched was painted on, or segments came or went.
    """

    def __init__(self, scene):
        VTKObservationMixin.__init__(self)
        self.sceneClosing = Signal()
        self.sceneImporting = Signal()
        self.sceneClosed = Signal()
        self.nodeRemoved = Signal()
        self.segmentsChanged = Signal()
        self._segmentationNode = None
        self.addObserver(scene, scene.StartCloseEvent, lambda *_: self.sceneClosing.emit())
        self.addObserver(scene, scene.EndCloseEvent, lambda *_: self.sceneClosed.emit())
        self.addObserver(scene, scene.StartImportEvent, lambda *_: self.sceneImporting.emit())
        self.addObserver(scene, scene.EndImportEvent, lambda *_: self.sceneClosed.emit())
        self.addObserver(scene, scene.NodeAboutToBeRemovedEvent, self._onNodeAboutToBeRemoved)

    def watch(self, segmentationNode) -> None:
        """Observes this segmentation instead of the former one; None for none."""
        if segmentationNode is self._segmentationNode:
            return
        for event in self._segmentationEvents():
            if self._segmentationNode is not None:
                self.removeObserver(self._segmentationNode, event, self._onSegments)
            if segmentationNode is not None:
                self.addObserver(segmentationNode, event, self._onSegments)
        self._segmentationNode = segmentationNode

    def stop(self) -> None:
        self.removeObservers()
        self._segmentationNode = None

    @staticmethod
    def _segmentationEvents():
        segmentation = slicer.vtkSegmentation
        return (
            segmentation.SourceRepresentationModified,
            segmentation.SegmentAdded,
            segmentation.SegmentRemoved,
            segmentation.SegmentModified,
        )

    def _onSegments(self, _caller, _event) -> None:
        self.segmentsChanged.emit()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _onNodeAboutToBeRemoved(self, _caller, _event, node) -> None:
        self.nodeRemoved.emit(node)
