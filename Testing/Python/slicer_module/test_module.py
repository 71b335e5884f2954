"""PatchICLSegment.py itself, with stand-ins for Slicer's base classes."""

import importlib.util
import sys
import types
import unittest
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("PySide6", reason="needs PySide6-Essentials")

import slicer

from Testing.StandIn import PythonQt, SegmentEditorEffects
from Testing.StandIn.Desk import Desk, FakeInstaller

ROOT = Path(__file__).resolve().parents[3]
MODULE_FILE = ROOT / "PatchICLSegment" / "PatchICLSegment.py"
EFFECT_MODULE_FILE = ROOT / "SegmentEditorPatchICL" / "SegmentEditorPatchICL.py"


class Base:
    """Stands for ScriptedLoadableModule and its Widget, Logic and Test."""

    def __init__(self, parent=None):
        self.parent = parent
        self.reloaded = False

    def setup(self):
        self.layout = SimpleNamespace(widgets=[])
        self.layout.addWidget = self.layout.widgets.append

    def onReload(self):
        self.reloaded = True


@pytest.fixture
def module(application, monkeypatch):
    """The module file, imported as Slicer does; `module.started` are the functions run after start-up."""
    started = []
    base = types.ModuleType("slicer.ScriptedLoadableModule")
    for name in ("", "Widget", "Logic", "Test"):
        setattr(base, f"ScriptedLoadableModule{name}", type(f"ScriptedLoadableModule{name}", (Base,), {}))
    i18n = types.ModuleType("slicer.i18n")
    i18n.tr = lambda text: text
    i18n.translate = lambda context, text: text
    monkeypatch.setitem(sys.modules, "slicer.ScriptedLoadableModule", base)
    monkeypatch.setitem(sys.modules, "slicer.i18n", i18n)
    app = SimpleNamespace(connect=lambda signal, function: started.append((signal, function)))
    monkeypatch.setattr(slicer, "app", app, raising=False)
    loaded = load(MODULE_FILE)
    loaded.started = started
    return loaded


def load(path):
    specification = importlib.util.spec_from_file_location(path.stem, path)
    loaded = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(loaded)
    return loaded


def testMetadata(module):
    parent = SimpleNamespace()
    module.PatchICLSegment(parent)
    assert parent.title == "PatchICL Segment" and parent.categories == ["Segmentation"]
    assert "Segmentations" in parent.dependencies and parent.helpText and parent.contributors


def testEveryStoryIsPlayedInsideSlicer(module):
    """Slicer loads the tests by their names, and calls no `runTest` where there are such."""
    ran = []
    test = module.PatchICLSegmentTest()
    test._run = lambda name, **options: ran.append((name, options))
    for name in unittest.TestLoader().getTestCaseNames(module.PatchICLSegmentTest):
        getattr(test, name)()
    assert ran == [("Story", {"sphere": False}), ("PlanesStory", {}), ("Story", {"sphere": True})]


def testSampleDataIsRegisteredAfterStartUp(module, monkeypatch):
    registered = []
    sampleData = types.ModuleType("SampleData")
    head = SimpleNamespace(
        thumbnailFileName="head.png",
        uris=["uri"],
        fileNames=["head.nrrd"],
        nodeNames=["MRHead"],
        checksums=["SHA256:0"],
    )

    class SampleDataLogic:
        @staticmethod
        def registerCustomSampleDataSource(**arguments):
            registered.append(arguments)

        def sourceForSampleName(self, name):
            return {"MRHead": head}.get(name)

    sampleData.SampleDataLogic = SampleDataLogic
    monkeypatch.setitem(sys.modules, "SampleData", sampleData)
    module.PatchICLSegment(SimpleNamespace())
    (signal, function), *rest = module.started
    assert signal == "startupCompleted()" and not rest and not registered
    function()
    source = registered[0]
    assert source["uris"].startswith("file://") and Path(source["uris"][7:]).exists()
    assert Path(source["thumbnailFileName"]).exists()
    assert [(source["category"], source["sampleName"]) for source in registered] == [
        ("PatchICL", "PatchICLBrain"),
        ("PatchICL", "PatchICLMRHead"),
    ], "a scan that this Slicer does not know is left out"
    assert registered[1]["uris"] == head.uris and registered[1]["checksums"] == head.checksums


def testWidgetHostsThePanel(module, application, monkeypatch):
    qtApplication = PythonQt.application()
    desk = Desk(application, qtApplication)  # only for its views and application
    import PatchICLSegmentLib.Panel as package

    realPanel = package.Panel
    monkeypatch.setattr(package, "Panel", lambda scene: realPanel(scene, desk.application, installer=FakeInstaller()))
    widget = module.PatchICLSegmentWidget()
    widget.setup()
    assert widget.layout.widgets == [widget.panel.widget]
    widget.enter()
    assert widget.panel.ui.segmentEditor.shortcutsInstalled
    widget.exit()
    assert not widget.panel.ui.segmentEditor.shortcutsInstalled
    packages = ("PatchICLSegmentLib", "PatchICLLib")
    before = {name: value for name, value in sys.modules.items() if name.split(".")[0] in packages}
    widget.onReload()
    left = [name for name in sys.modules if name.split(".")[0] in packages]
    sys.modules.update(before)
    assert widget.reloaded and left == []
    again = module.PatchICLSegmentWidget(SimpleNamespace(isEntered=True))  # the module was in sight all the time
    again.setup()
    assert again.panel.ui.segmentEditor.shortcutsInstalled
    again.cleanup()
    desk.panel.cleanup()


def testReloadedPanelFindsThePreview(application):
    """What a reload of the module does: the old panel goes, a new one comes, the scene stays."""
    desk = Desk(application, PythonQt.application()).openPhantom()
    desk.paintWithMouse(3, 14)
    desk.propagate()
    desk.panel.cleanup()
    again = Desk(application, PythonQt.application())
    assert again.logic.preview is not None and again.ui.applyButton.visible
    assert again.ui.paintedTable.rowCount == 2 and again.ui.reviewTable.rowCount > 0
    again.ui.applyButton.click()
    assert (again.logic.currentPainting().box.areas(0) > 0).sum() == 12
    again.panel.cleanup()


def testScriptsAndThePanelWorkWithTheSameObject(module, application):
    scripted = module.PatchICLSegmentLogic()
    before = scripted.propagation
    assert before.scene is application.scene
    desk = Desk(application, PythonQt.application()).openPhantom()
    assert desk.logic is before, "made by whoever came first"
    assert module.PatchICLSegmentLogic().propagation.volumeNode is desk.volume
    desk.panel.cleanup()
    after = scripted.propagation
    assert after is not before, "one that was shut down is of no use"
    again = Desk(application, PythonQt.application())
    assert again.logic is after
    again.panel.cleanup()


def testTheEffectIsRegisteredAfterStartUp(module):
    SegmentEditorEffects.install()
    parent = SimpleNamespace()
    load(EFFECT_MODULE_FILE).SegmentEditorPatchICL(parent)
    assert parent.hidden and parent.dependencies == ["Segmentations", "PatchICLSegment"]
    ((signal, function),) = module.started
    factory = slicer.qSlicerSegmentEditorEffectFactory.instance()
    assert signal == "startupCompleted()" and not factory.registeredEffects()
    function()
    (effect,) = factory.registeredEffects()
    assert effect.name == effect.title == "PatchICL" and not effect.icon().isNull() and "<p>" in effect.helpText()
    (clone,) = factory.copyEffects([])
    assert clone is not effect and clone.name == "PatchICL" and factory.copyEffects(["PatchICL"]) == []
