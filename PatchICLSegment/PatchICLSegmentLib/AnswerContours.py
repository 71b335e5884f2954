"""All answers as contours over the slices, each in a color of its own."""

from collections.abc import Sequence

import numpy as np
import slicer

from .Preview import Preview
from .SceneIO.Nodes import removeWithDisplay
from .SceneIO.Segments import addSegmentation, orientedImage
from .Translation import _

# None like another, or like a red or green segment; the shown answer has the first.
COLORS = ((1.0, 1.0, 1.0), (0.20, 0.85, 1.00), (1.00, 0.82, 0.10), (1.00, 0.45, 0.85))


class AnswerContours:
    """A segmentation without fill beside the preview; not saved with the scene."""

    def __init__(self, scene):
        self.scene = scene
        self._node = None

    @property
    def node(self):
        """None while nothing is shown."""
        node = self._node
        return node if node is not None and self.scene.IsNodePresent(node) else None

    def show(self, preview: Preview, answers: Sequence[np.ndarray]) -> None:
        """Args: answers: label arrays, (K, J, I) or (L, K, J, I), on the volume of the preview."""
        self.hide()
        name = self.scene.GenerateUniqueName(_("{name} answers").format(name=preview.segmentationNode.GetName()))
        node = addSegmentation(preview.volumeNode, name)
        node.SetSaveWithScene(False)
        node.SetHideFromEditors(1)
        representation = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
        for number, answer in enumerate(answers):
            for layer in answer.reshape(-1, *preview.basis.shape):
                labels = orientedImage(layer, (0, 0, 0), preview.basis.matrix)
                for label, segmentId, segmentName in preview.basis.segments:
                    if not (layer == label).any():
                        continue
                    segment = slicer.vtkSegment()
                    segment.SetName(f"{segmentName} {number + 1}")
                    segment.SetColor(*COLORS[number])
                    segment.SetLabelValue(label)
                    segment.AddRepresentation(representation, labels)
                    node.GetSegmentation().AddSegment(segment, f"{segmentId}.{number + 1}")
        display = node.GetDisplayNode()
        display.SetSaveWithScene(False)
        display.SetVisibility2DFill(False)
        display.SetVisibility2DOutline(True)
        display.SetVisibility3D(False)
        display.SetOpacity2DOutline(1.0)
        self._node = node

    def follow(self, preview: Preview) -> None:
        """Lie where the preview lies, also after that was put under another transform."""
        if self.node is not None:
            self.node.SetAndObserveTransformNodeID(preview.node.GetTransformNodeID())

    def hide(self) -> None:
        if self.node is not None:
            removeWithDisplay(self.node)
        self._node = None
