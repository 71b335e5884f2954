from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import ScriptedLoadableModule, ScriptedLoadableModuleWidget


class PatchICLSegment(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("PatchICL Segment")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = ["Segmentations"]
        self.parent.contributors = ["PatchICL contributors"]
        self.parent.helpText = _("Paint a structure on a few slices; the network fills in the others.")
        self.parent.acknowledgementText = ""


class PatchICLSegmentWidget(ScriptedLoadableModuleWidget):
    pass
