"""A button beside the status that copies a bug report, from a failure that nobody foresaw until the next run."""

from ..BugReport import bugReport
from ..Signal import Connections
from ..Translation import _


class ReportOffer:
    def __init__(self, ui, logic, installer, application):
        self.ui, self.logic, self.installer, self.application = ui, logic, installer, application
        ui.failureButton.setVisible(False)
        ui.failureButton.connect("clicked()", self._onClicked)
        self._connections = Connections(
            (logic.record.crashed, self._onCrashed), (logic.stateChanged, self._onStateChanged)
        )

    def stop(self) -> None:
        self._connections.end()

    def _onCrashed(self) -> None:
        self.ui.failureButton.setText(_("Copy report"))
        self.ui.failureButton.setVisible(True)

    def _onStateChanged(self) -> None:
        if self.logic.state.isBusy:
            self.ui.failureButton.setVisible(False)

    def _onClicked(self) -> None:
        self.application.copyText(bugReport(self.logic, self.installer))
        self.ui.failureButton.setText(_("Copied"))
