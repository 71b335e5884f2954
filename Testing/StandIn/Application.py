"""Stand-in for the application: what makes widgets, also from .ui files."""

import sys
import types
from pathlib import Path

from . import PythonQt

qt = PythonQt.install()

from PySide6.QtUiTools import QUiLoader  # noqa: E402

from .SegmentEditorWidget import SegmentEditorWidget  # noqa: E402
from .Widgets import CollapsibleButton, MrmlWidget, NodeComboBox, SliderWidget  # noqa: E402

UI_FOLDER = Path(__file__).resolve().parents[2] / "PatchICLSegment" / "Resources" / "UI"

CLASSES = {
    "ctkCollapsibleButton": CollapsibleButton,
    "ctkSliderWidget": SliderWidget,
    "qMRMLWidget": MrmlWidget,
    "qMRMLNodeComboBox": NodeComboBox,
    "qMRMLSegmentEditorWidget": SegmentEditorWidget,
}


class Loader(QUiLoader):
    """Makes the stand-ins for custom classes; keeps every named widget."""

    def __init__(self):
        super().__init__()
        self.named = {}
        # Its connections hand on the scene, which has no Qt type here; MrmlWidget does that.
        self.quiet = qt.QLoggingCategory.setFilterRules("qt.core.qobject.connect=false")

    def createWidget(self, className, parent=None, name=""):
        if className in CLASSES:
            widget = CLASSES[className](parent)
            widget.setObjectName(name)
        else:
            widget = super().createWidget(className, parent, name)
        self.named[name] = PythonQt.dress(widget)
        return widget


def loadUi(name):
    """The widget of a .ui file, the same that Slicer loads, and a namespace of its children."""
    loader = Loader()
    widget = loader.load(str(UI_FOLDER / name))
    if widget is None:
        raise RuntimeError(loader.errorString())
    return widget, types.SimpleNamespace(**loader.named)


class Application:
    """Stands for `PatchICLSegmentLib.Panel.Application.SlicerApplication`; keeps what it was asked.

    Attributes: answer: to questions; folder: the one that is "chosen"; settings: of the user; mainWindow: holds the
        keys of every host, None where each host is a window of its own.
    """

    mainWindow = None

    def __init__(self, views=()):
        self.views = list(views)
        self.questions, self.plots, self.copied, self.extensions, self.modulesOpened = [], [], [], [], 0
        self.answer, self.folder, self.settings = True, "", {}

    def loadUi(self, name):
        return loadUi(name)

    def setting(self, name):
        return self.settings.get(name, "")

    def storeSetting(self, name, value):
        self.settings[name] = value

    def confirm(self, text):
        self.questions.append(text)
        return self.answer

    def chooseFolder(self, _title):
        return self.folder

    def copyText(self, text):
        self.copied.append(text)

    def showPlot(self, chartNode):
        self.plots.append(chartNode)

    def showVolume(self, volumeNode):
        for view in self.views:
            view.show(volumeNode)

    def openModule(self):
        self.modulesOpened += 1

    def shortcutParent(self, panelWidget):
        return self.mainWindow or panelWidget

    def installExtension(self, name):
        self.extensions.append(name)

    def busyCursor(self):
        pass

    def normalCursor(self):
        pass


sys.modules.setdefault("ctk", types.ModuleType("ctk"))
