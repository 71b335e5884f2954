"""Slicer's own Segment Editor on a desk, with the effect PatchICL in it."""

import types
from pathlib import Path

from . import SegmentEditorEffects

SegmentEditorEffects.install()

import slicer  # noqa: E402
import slicer.util  # noqa: E402
from PatchICLSegmentLib.Panel import EffectOptions  # noqa: E402

from .Brush import Brush  # noqa: E402
from .Desk import Desk, FakeInstaller  # noqa: E402
from .SegmentEditorModule import SegmentEditorModule  # noqa: E402

EFFECT_FILE = Path("SegmentEditorPatchICL/SegmentEditorPatchICLLib/SegmentEditorEffect.py")


class EditorDesk(Desk):
    """The Segment Editor module, entered, and two slice views with a brush; the panel is not opened.

    Args:
        effectFile: of the effect.
        views: those of a desk that is open already.
    """

    def __init__(self, application, qtApplication, makeWorker=None, views=None, effectFile=None):
        self._lay(application, qtApplication, makeWorker, FakeInstaller(), views)
        self.logic = self.makeLogic(self.scene)  # with this worker, before the effect makes one with Slicer's
        EffectOptions.makeApplication = lambda _options: self.application
        EffectOptions.makeInstaller = lambda _options: self.installer
        SegmentEditorEffects.install()
        effect = SegmentEditorEffects.ScriptedEffect()
        effect.setPythonSource(str(effectFile or Path(__file__).resolve().parents[2] / EFFECT_FILE))
        effect.self().register()
        self.module = SegmentEditorModule(self.scene)
        self.editor = self.module.editor
        self.brushes = [Brush(view, self.editor) for view in self.views]
        self.editor.resize(380, 900)
        self.editor.show()
        self.module.enter()

    @property
    def options(self):
        """Of the effect in the Segment Editor, None before it is chosen for the first time."""
        return self.editor.effectByName("PatchICL").self().options

    @property
    def ui(self):
        """As the panel's: the editor, and what the effect offers."""
        offered = vars(self.options.ui) if self.options is not None else {}
        return types.SimpleNamespace(segmentEditor=self.editor, **offered)

    def activate(self, effect="PatchICL"):
        self.editor.setActiveEffectByName(effect)
        self.processEvents()

    def openPhantom(self):
        """What somebody does first in the Segment Editor: a segmentation, its volume, and a segment."""
        self.volume = volume = self.phantom()
        self.application.showVolume(volume)
        self.segmentation = self.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "drawn")
        self.segmentation.CreateDefaultDisplayNodes()
        self.segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        self.editor.setSegmentationNode(self.segmentation)
        self.editor.setSourceVolumeNode(volume)
        self.editor.addButton.click()
        self.editor.setCurrentSegmentID(self.segmentation.GetSegmentation().GetNthSegmentID(0))
        self.settle()
        return self

    def voxels(self):
        identifier = self.editor.currentSegmentID()
        return slicer.util.arrayFromSegmentBinaryLabelmap(self.segmentation, identifier, self.volume) > 0

    def close(self):
        self.module.exit()
        self.module.cleanup()
        self.editor.setMRMLSegmentEditorNode(None)
        self.logic.shutdown()
        self.editor.close()
