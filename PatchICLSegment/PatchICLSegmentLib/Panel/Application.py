"""What the panel asks of the application around it. Tests pass an object with the same methods."""

from pathlib import Path

import qt
import slicer
import slicer.util

from ..Errors import SceneError
from ..Translation import _

LIBRARY_FOLDER = "PatchICL/LibraryFolder"  # a setting
UI_FOLDER = Path(__file__).resolve().parents[2] / "Resources" / "UI"


class SlicerApplication:
    def loadUi(self, name: str):
        """The widget of a .ui file, and its children as attributes by object name."""
        widget = slicer.util.loadUI(str(UI_FOLDER / name))
        return widget, slicer.util.childWidgetVariables(widget)

    def setting(self, name: str) -> str:
        """What the user has set for all scenes; "" where nothing is."""
        return str(slicer.app.userSettings().value(name, "") or "")

    def storeSetting(self, name: str, value: str) -> None:
        slicer.app.userSettings().setValue(name, value)

    def confirm(self, text: str) -> bool:
        return slicer.util.confirmOkCancelDisplay(text)

    def chooseFolder(self, title: str) -> str:
        return qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), title)

    def copyText(self, text: str) -> None:
        slicer.app.clipboard().setText(text)

    def showPlot(self, chartNode) -> None:
        slicer.modules.plots.logic().ShowChartInLayout(chartNode)

    def showVolume(self, volumeNode) -> None:
        slicer.util.setSliceViewerLayers(background=volumeNode, fit=True, rotateToVolumePlane=True)

    def openModule(self) -> None:
        slicer.util.selectModule("PatchICLSegment")

    def shortcutParent(self, panelWidget):
        """The widget whose focus makes shortcuts work: the main window, so that they work over the slice views."""
        return slicer.util.mainWindow() or panelWidget

    def installExtension(self, name: str) -> None:
        """Installs an extension from the server and offers to restart Slicer.

        Raises:
            SceneError: the server cannot be reached, or does not have it for this Slicer.
        """
        manager = slicer.app.extensionsManagerModel()
        if not manager.installExtensionFromServer(name, False):  # without a restart of its own
            raise SceneError(
                _("The extension {name} could not be installed; install it in the Extensions Manager.").format(
                    name=name
                )
            )
        slicer.app.confirmRestart(_("The extension {name} is installed; Slicer has to restart.").format(name=name))

    def busyCursor(self) -> None:
        qt.QApplication.setOverrideCursor(qt.Qt.WaitCursor)

    def normalCursor(self) -> None:
        qt.QApplication.restoreOverrideCursor()
