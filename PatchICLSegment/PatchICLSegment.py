"""PatchICL Segment for 3D Slicer: metadata, widget and self-test. The rest is in PatchICLSegmentLib."""

import sys
from pathlib import Path

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)

HOMEPAGE = "https://github.com/PatchICL/SlicerPatchICL"


class PatchICLSegment(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("PatchICL Segment")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = ["Segmentations", "Volumes"]
        self.parent.contributors = ["PatchICL contributors"]
        self.parent.helpText = _(
            "Paint a structure on two to five slices and press Propagate: the other slices are filled in, with a map "
            'of where the model is unsure. See the <a href="{homepage}">tutorial</a>.'
        ).format(homepage=HOMEPAGE)
        self.parent.acknowledgementText = _("Patch-cascaded in-context segmentation.")
        slicer.app.connect("startupCompleted()", registerSampleData)


def registerSampleData():
    """Offers the embedded brain and two of Slicer's own scans under PatchICL in the Sample Data module."""
    import SampleData
    from PatchICLSegmentLib.SampleJob import IMAGE

    from PatchICLLib.resources import resource_path

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="PatchICL",
        sampleName="PatchICLBrain",
        thumbnailFileName=str(Path(__file__).parent / "Resources" / "Icons" / "PatchICLSegment.png"),
        uris=resource_path(IMAGE).as_uri(),
        fileNames="PatchICLBrain.nii.gz",
        nodeNames="PatchICLBrain",
    )
    for name in ("MRHead", "CTChest"):
        known = SampleData.SampleDataLogic().sourceForSampleName(name)
        if known is not None:
            SampleData.SampleDataLogic.registerCustomSampleDataSource(
                category="PatchICL",
                sampleName=f"PatchICL{name}",
                thumbnailFileName=known.thumbnailFileName,
                uris=known.uris,
                fileNames=known.fileNames,
                nodeNames=known.nodeNames,
                checksums=known.checksums,
            )


class PatchICLSegmentWidget(ScriptedLoadableModuleWidget):
    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        from PatchICLSegmentLib.Panel import Panel

        self.panel = Panel(slicer.mrmlScene)
        self.layout.addWidget(self.panel.widget)
        if getattr(self.parent, "isEntered", False):  # reloaded in sight: Slicer does not enter it again
            self.enter()

    def enter(self):
        self.panel.enter()

    def exit(self):
        self.panel.exit()

    def cleanup(self):
        self.panel.cleanup()

    def onReload(self):
        """Also forgets the package behind this file, which Slicer's own reload would keep."""
        self.panel.cleanup()
        for name in [name for name in sys.modules if name.split(".")[0] in ("PatchICLSegmentLib", "PatchICLLib")]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)


class PatchICLSegmentLogic(ScriptedLoadableModuleLogic):
    """For scripts: `PatchICLSegmentLogic().propagation`, which panel and effect work with, needs no panel itself."""

    @property
    def propagation(self):
        from PatchICLSegmentLib.SharedLogic import sharedLogic

        return sharedLogic(slicer.mrmlScene)


class PatchICLSegmentTest(ScriptedLoadableModuleTest):
    """The story of the tutorial, inside Slicer, with the real panel and the real network."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def test_story(self):
        self._run("Story", sphere=False)

    def test_storyWithSphereBrush(self):
        self._run("Story", sphere=True)

    def test_storyOfPlanes(self):
        self._run("PlanesStory")

    def _run(self, name, **options):
        from PatchICLSegmentLib import PlanesStory, SlicerSurroundings, Story

        story = {"Story": Story.Story, "PlanesStory": PlanesStory.PlanesStory}[name]
        SlicerSurroundings.playInSlicer(story, self.delayDisplay, **options)
