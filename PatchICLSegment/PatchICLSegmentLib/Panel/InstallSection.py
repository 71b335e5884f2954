"""What has to be installed, doing it on request, and a self-check that can be copied."""

from ..BugReport import bugReport
from ..Translation import _


class InstallSection:
    """Args: show: brings a section into sight."""

    def __init__(self, ui, logic, installer, application, attempt, show):
        self.ui, self.logic, self.installer, self.application = ui, logic, installer, application
        self._attempt = attempt
        self._show = show
        ui.installButton.connect("clicked()", lambda: self.install(""))
        ui.wheelsButton.connect("clicked()", self._onInstallFromFolder)
        ui.uninstallButton.connect("clicked()", self._onUninstall)
        ui.selfCheckButton.connect("clicked()", self.showReport)
        ui.copyReportButton.connect("clicked()", self.copyReport)
        ui.showInstallButton.connect("clicked()", self.open)

    def refresh(self) -> None:
        ready = self.installer.isReady()
        self.ui.installHint.setText(_("Some packages are missing; painting works, propagating does not yet."))
        for widget in (self.ui.installHint, self.ui.showInstallButton):
            widget.setVisible(not ready)
        self.ui.installLabel.setText(self.installer.explanation())
        self.ui.installButton.setEnabled(not ready)
        self.ui.wheelsButton.setEnabled(not ready)

    def isReady(self) -> bool:
        """Whether everything is there; if not, the section is opened."""
        if self.installer.isReady():
            return True
        self.open()
        return False

    def open(self) -> None:
        self.ui.installSection.setProperty("collapsed", False)
        self._show(self.ui.installSection)

    def install(self, wheelFolder: str) -> None:
        if not wheelFolder and self.installer.needsExtension():
            self._installExtension()
            return
        if not self.application.confirm(self.installer.explanation()):
            return
        self.application.busyCursor()
        try:
            self._attempt(lambda: self.installer.install(wheelFolder))
        finally:
            self.application.normalCursor()
        self.refresh()

    def _installExtension(self) -> None:
        question = _(
            "PatchICL needs the PyTorch extension, which chooses the build of torch that fits this computer. "
            "Install it now? Slicer has to restart afterward; then press Install again (about {total} MB)."
        ).format(total=sum(package.megabytes for package in self.installer.missingPackages()))
        if self.application.confirm(question):
            self._attempt(lambda: self.application.installExtension("PyTorch"))

    def showReport(self) -> str:
        """Makes a report, also for whoever wants to read it before sending it."""
        report = bugReport(self.logic, self.installer)
        self.ui.reportText.setPlainText(report)
        return report

    def copyReport(self) -> None:
        self.application.copyText(self.showReport())

    def _onInstallFromFolder(self) -> None:
        folder = self.application.chooseFolder(_("Folder with the wheels (*.whl)"))
        if folder:
            self.install(folder)

    def _onUninstall(self) -> None:
        if self.application.confirm(_("Delete the packages that were downloaded for PatchICL? PyTorch is kept.")):
            self._attempt(self.installer.uninstall)
            self.refresh()
