"""The effect PatchICL, as each Segment Editor has one. Slicer loads this file by its path.

All that it does is in the module PatchICL Segment, and is imported when the effect is chosen for the first time.
"""

from pathlib import Path

import qt
from SegmentEditorEffects import AbstractScriptedSegmentEditorEffect
from slicer.i18n import tr as _

ICON = Path(__file__).resolve().parents[1] / "Resources" / "Icons" / "SegmentEditorPatchICL.png"


class SegmentEditorEffect(AbstractScriptedSegmentEditorEffect):
    def __init__(self, scriptedEffect):
        scriptedEffect.name = "PatchICL"  # not translated: other modules find the effect by it
        scriptedEffect.title = _("PatchICL")
        scriptedEffect.perSegment = True
        scriptedEffect.requireSegments = True
        scriptedEffect.showEffectCursorInSliceView = False
        AbstractScriptedSegmentEditorEffect.__init__(self, scriptedEffect)
        self.options = None

    def clone(self):
        import qSlicerSegmentationsEditorEffectsPythonQt as effects

        cloned = effects.qSlicerSegmentEditorScriptedEffect(None)
        cloned.setPythonSource(Path(__file__).resolve().as_posix())
        return cloned

    def icon(self):
        return qt.QIcon(str(ICON))

    def helpText(self):
        return _(
            "<html>Fill in a structure that was painted on a few slices<br>."
            "<p>Paint it with any effect on two to five slices, in any views, then press <b>Propagate</b>: "
            "the other slices follow as a preview, slice by slice, while you go on."
            "<p><b>Next slice</b> goes where one more drawing helps most. <b>Apply</b> writes the preview into the "
            "segment, as one step of undo; the slices that you painted stay as they are."
            "</html>"
        )

    def activate(self):
        if self.options is None or self.options.isOver:
            from PatchICLSegmentLib.Panel import EffectOptions

            self.options = EffectOptions(self.scriptedEffect)
        self.options.enter()

    def deactivate(self):
        if self.options is not None and not self.options.isOver:
            self.options.exit()

    def cleanup(self):
        if self.options is not None:
            self.options.stop()
            self.options = None
