"""Observes the nodes under a preview: what they show may cease to fit, or cease to be there."""

import slicer
from slicer.util import VTKObservationMixin

from .Preview import Preview
from .Signal import Signal


class PreviewWatch(VTKObservationMixin):
    """Attributes:
    moved: volume or segmentation came under another transform, or the volume's voxels or their place changed.
    segmentsLost: a segment of the segmentation was removed.

    The preview itself is not observed: whoever hears of it changes it, and Slicer crashes where a node is put under
    another transform, or removed, in one of its own events.
    """

    def __init__(self):
        VTKObservationMixin.__init__(self)
        self.moved, self.segmentsLost = Signal(), Signal()

    def watch(self, preview: Preview | None) -> None:
        """Observes this preview instead of the former one; None for none."""
        self.removeObservers()
        if preview is None:
            return
        volumeNode, segmentationNode = preview.volumeNode, preview.segmentationNode
        for node in (volumeNode, segmentationNode):
            self.addObserver(node, slicer.vtkMRMLTransformableNode.TransformModifiedEvent, self._onMoved)
        for event in (volumeNode.ImageDataModifiedEvent, "ModifiedEvent"):
            self.addObserver(volumeNode, event, self._onMoved)
        self.addObserver(segmentationNode, slicer.vtkSegmentation.SegmentRemoved, self._onSegmentRemoved)

    def _onMoved(self, _caller, _event) -> None:
        self.moved.emit()

    def _onSegmentRemoved(self, _caller, _event) -> None:
        self.segmentsLost.emit()
