"""The panel on a desk: real widgets, offscreen slice views with a brush, and a mouse and keys to use them."""

import time

from . import PythonQt

PythonQt.install()

import numpy as np  # noqa: E402
import slicer  # noqa: E402
import slicer.util  # noqa: E402
from PatchICLSegmentLib.Errors import SceneError  # noqa: E402
from PatchICLSegmentLib.Installer import Package  # noqa: E402
from PatchICLSegmentLib.Logic import PatchICLSegmentLogic  # noqa: E402
from PatchICLSegmentLib.Panel import Panel  # noqa: E402
from PatchICLSegmentLib.SceneIO.SliceViews import jumpToSlice  # noqa: E402
from PatchICLSegmentLib.SharedLogic import sharedLogic  # noqa: E402
from PySide6 import QtGui  # noqa: E402
from PySide6.QtTest import QTest  # noqa: E402

from .Application import Application  # noqa: E402
from .Brush import Brush  # noqa: E402
from .Headless import SliceView  # noqa: E402
from .Worker import NearestSliceWorker  # noqa: E402


class FakeInstaller:
    """Stands for `PatchICLSegmentLib.Installer.PackageInstaller`; installs nothing and keeps what it was asked."""

    ready = True
    extensionIsMissing = False
    calls: list

    def __init__(self):
        self.calls = []

    def isReady(self):
        return self.ready

    def missingPackages(self):
        return [] if self.ready else [Package("torch", "runs the network", 2900)]

    def needsExtension(self):
        return self.extensionIsMissing

    def explanation(self):
        return "fine" if self.ready else "torch (2900 MB): runs the network"

    def install(self, wheelFolder=""):
        self.calls.append(("install", wheelFolder))
        if wheelFolder == "bad":
            raise SceneError("The folder bad holds no wheels.")
        self.ready = True

    def uninstall(self):
        self.calls.append(("uninstall",))
        self.ready = False

    def report(self, workerHealth=None):
        return f"self-check {workerHealth}"


class Desk:
    """The panel, two slice views with a brush, and a worker without a network."""

    def __init__(self, application, qtApplication, makeWorker=None, installer=None, views=None):
        self._lay(application, qtApplication, makeWorker, installer or FakeInstaller(), views)
        self.panel = Panel(self.scene, self.application, self.makeLogic, self.installer)
        self.ui, self.logic = self.panel.ui, self.panel.logic
        self.brushes = [Brush(view, self.ui.segmentEditor) for view in self.views]
        self.panel.widget.resize(380, 900)
        self.panel.widget.show()
        self.panel.enter()

    def _lay(self, application, qtApplication, makeWorker, installer, views):
        self.qtApplication, self.scene = qtApplication, application.scene
        self.views = views or [
            SliceView(application, name, orientation, (320, 320))
            for name, orientation in (("Red", "Axial"), ("Green", "Coronal"))
        ]
        self.application, self.installer = Application(self.views), installer
        self.workers, self.makeWorker = [], makeWorker or self.makeFake

    def makeLogic(self, scene):
        """The logic of the scene, with this desk's worker if it is the first to ask."""
        return sharedLogic(scene, lambda scene: PatchICLSegmentLogic(scene, self.makeWorker))

    def makeFake(self, device, weights):
        self.workers.append(NearestSliceWorker(device, weights))
        return self.workers[-1]

    def phantom(self):
        image = np.random.default_rng(0).normal(100, 15, (18, 40, 48)).astype(np.int16)
        return slicer.util.addVolumeFromArray(image, np.diag([-0.8, -0.9, 2.5, 1.0]), "ct")

    def openPhantom(self):
        self.volume = self.phantom()
        self.ui.volumeSelector.setCurrentNode(self.volume)
        self.settle()
        return self

    # What a story needs of the application

    def processEvents(self):
        self.qtApplication.processEvents()

    def show(self, text):
        pass

    def drag(self, sliceNode, start, end, radius, sphere):
        self.ui.segmentEditor.sphereCheckBox.setChecked(sphere)
        brush = next(brush for brush in self.brushes if brush.view.node is sliceNode)
        brush.radius = radius
        first, last = (np.array(brush.view.displayPosition(point)) for point in (start, end))
        steps = max(2, int(np.abs(last - first).max() // 4) + 1)
        brush.drag([tuple(int(v) for v in first + (last - first) * t) for t in np.linspace(0, 1, steps)])

    def reload(self, path):
        assert self.scene.WriteToMRB(path)
        self.scene.Clear(False)
        assert self.scene.ReadFromMRB(path)

    def settle(self, seconds=0.4):
        """Lets timers run for so long, however long what they call takes."""
        for _step in range(round(seconds / 0.005)):
            self.processEvents()
            time.sleep(0.005)

    def waitWhileBusy(self):
        while self.logic.state.isBusy:
            self.processEvents()
        self.settle()

    def paintWithMouse(self, *indices):
        self.ui.segmentEditor.setActiveEffectByName("Paint")
        for index in indices:
            jumpToSlice(self.scene, self.volume, 0, index)
            self.brushes[0].radius = 6.0
            self.brushes[0].drag([(150, 150), (160, 150), (170, 155)])
        self.settle()
        return self

    def propagate(self):
        self.ui.propagateButton.click()
        self.waitWhileBusy()

    def startUntil(self, done):
        """Propagates until so many slices are there."""
        self.ui.propagateButton.click()
        self.runUntil(done)

    def runUntil(self, done):
        while self.logic.progress is None or self.logic.progress.done < done:
            assert self.logic.state.isBusy, self.ui.statusLabel.text
            self.processEvents()

    def close(self):
        self.panel.cleanup()
        self.panel.widget.close()

    def key(self, keys):
        self.panel.widget.activateWindow()
        QTest.keySequence(self.panel.widget, QtGui.QKeySequence(keys))
