"""Registers the Segment Editor effect PatchICL. The effect is in SegmentEditorPatchICLLib, what it does in the module
PatchICL Segment."""

from pathlib import Path

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import ScriptedLoadableModule, ScriptedLoadableModuleTest

EFFECT_FILE = Path(__file__).resolve().parent / "SegmentEditorPatchICLLib" / "SegmentEditorEffect.py"


class SegmentEditorPatchICL(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("SegmentEditor PatchICL")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = ["Segmentations", "PatchICLSegment"]
        self.parent.contributors = ["PatchICL contributors"]
        self.parent.hidden = True
        self.parent.helpText = _("This hidden module registers the Segment Editor effect PatchICL.")
        self.parent.acknowledgementText = _("Patch-cascaded in-context segmentation.")
        slicer.app.connect("startupCompleted()", registerEffect)


def registerEffect():
    import qSlicerSegmentationsEditorEffectsPythonQt as effects

    effect = effects.qSlicerSegmentEditorScriptedEffect(None)
    effect.setPythonSource(EFFECT_FILE.as_posix())
    effect.self().register()


class SegmentEditorPatchICLTest(ScriptedLoadableModuleTest):
    """The effect inside Slicer, in its Segment Editor, with the real network."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def test_story(self):
        from PatchICLSegmentLib.EffectStory import EffectStory
        from PatchICLSegmentLib.SlicerSurroundings import SlicerSurroundings

        slicer.util.selectModule("SegmentEditor")
        editor = slicer.modules.SegmentEditorWidget.editor
        EffectStory(editor, SlicerSurroundings(self.delayDisplay, editor)).run()
