"""The story of the effect: the same work as the tutorial's, by somebody who never leaves the Segment Editor."""

from types import SimpleNamespace
from typing import Any

import slicer

from .SampleJob import COLOR, THALAMI, loadSample
from .Story import Story, Surroundings


class EffectStory(Story):
    """Usage: EffectStory(editor, surroundings).run(). Raises AssertionError with the step that went wrong.

    Args:
        editor: the widget of Slicer's Segment Editor module, which is shown.
    """

    def __init__(self, editor: Any, surroundings: Surroundings):
        self.editor, self.surroundings, self.sphere = editor, surroundings, False

    def run(self) -> None:
        self.loadSample()
        self.paintThreeSlices()
        self.chooseTheEffect()
        self.propagate()
        self.goToNextSlice()
        self.applyAndUndo()

    def loadSample(self) -> None:
        self._tell("Load the sample, add a segment to a new segmentation")
        scene = slicer.mrmlScene
        self.volume, labels = loadSample(scene)
        self.reference = labels == THALAMI
        segmentationNode = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Thalami")
        segmentationNode.CreateDefaultDisplayNodes()
        segmentationNode.SetReferenceImageGeometryParameterFromVolumeNode(self.volume)
        segmentId = segmentationNode.GetSegmentation().AddEmptySegment("", "Thalami", COLOR)
        self.editor.setSegmentationNode(segmentationNode)
        self.editor.setSourceVolumeNode(self.volume)
        self.editor.setCurrentSegmentID(segmentId)
        self._settle()
        self.chooseTheEffect()
        self.application.showVolume(self.volume)

    def chooseTheEffect(self) -> None:
        self._tell("Choose the effect PatchICL")
        effect = self.editor.effectByName("PatchICL")
        self._check(effect is not None, "the effect is registered")
        self.editor.setActiveEffectByName("PatchICL")
        self._settle()
        options = effect.self().options
        self.ui = SimpleNamespace(segmentEditor=self.editor, **vars(options.ui))
        self.logic, self.installer, self.application = options.logic, options.installer, options.application
        self._check(self.ui.propagateButton.visible, "its options are shown")
        self._check(self.logic.volumeNode is self.volume, "it works on the Segment Editor's volume")
        self._check(self.logic.segmentId == self.editor.currentSegmentID(), "and on its segment")
