"""The library of finished cases: its folder, the number of cases for each segment, and this case added to them."""

from pathlib import Path

import qt

from ..Errors import ScanIsThereError, SceneError
from ..Signal import Connections
from ..Translation import _, counted
from .Application import LIBRARY_FOLDER
from .Delay import delayed

_FINISHED, _SEGMENT, _CASES, _USE = range(4)
_REFRESH_DELAY_MS = 250


class LibrarySection:
    """Args: attempt, isReady, startPolling: of the panel: act and tell what is wrong; whether the network is
    installed; listen to the worker."""

    def __init__(self, ui, logic, application, attempt, isReady, startPolling):
        self.ui, self.logic, self.application = ui, logic, application
        self._attempt, self._isReady, self._startPolling = attempt, isReady, startPolling
        self._rows = []
        # What the user ticked or unticked, of which segmentation; segments of others may have the same identifiers.
        self._chosen: dict[tuple[str, str], bool] = {}
        self._updating = False
        logic.library.folder = application.setting(LIBRARY_FOLDER)
        table = ui.libraryTable
        table.setColumnCount(4)
        table.setHorizontalHeaderLabels([_("Finished"), _("Segment"), _("Cases"), _("Use")])
        table.horizontalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        table.connect("itemChanged(QTableWidgetItem*)", self._onItemChanged)
        ui.libraryFolderButton.connect("clicked()", self.chooseFolder)
        ui.libraryCloseButton.connect("clicked()", self.close)
        ui.addCaseButton.connect("clicked()", self.addCase)
        ui.adaptButton.connect("clicked()", self.adapt)
        ui.stopAdaptingButton.connect("clicked()", logic.adaptation.cancel)
        ui.librarySection.connect("contentsCollapsed(bool)", lambda _collapsed: self.refresh())
        self._timer = delayed(self.refresh, _REFRESH_DELAY_MS)
        self._connections = Connections(
            (logic.paintingChanged, self._schedule),
            (logic.stateChanged, self._schedule),
            (logic.sceneReplaced, self._onSceneReplaced),
            (logic.adaptation.changed, self._showAdaptation),
        )
        self._showAdaptation()

    def stop(self) -> None:
        self._timer.stop()
        self._connections.end()

    def refresh(self) -> None:
        """Looks into the folder only where somebody sees it."""
        if self.ui.librarySection.property("collapsed"):
            return
        try:
            library = self.logic.library.open()
            self._rows = self.logic.library.segments()
        except SceneError as error:
            self._rows = []
            self.ui.libraryLabel.setText(str(error))
            self.ui.adaptButton.setEnabled(False)
        else:
            self.ui.adaptButton.setEnabled(self.logic.adaptation.isPossible)
            count = len(library.cases)
            sentence = counted(count, _("{folder}: 1 finished case"), _("{folder}: {count} finished cases"))
            folder = self.logic.library.folder
            self.ui.libraryLabel.setText(sentence.format(folder=Path(folder).name, count=count))
            self.ui.libraryLabel.setToolTip(folder)
        self._fill()

    def _schedule(self) -> None:
        """Strokes come many a second."""
        self._timer.start()

    def _onSceneReplaced(self) -> None:
        self._chosen.clear()
        self.logic.library.wantAll()

    def chooseFolder(self) -> None:
        folder = self.application.chooseFolder(_("Folder of the library; an empty one becomes a new library"))
        if folder and self._attempt(lambda: self.logic.library.choose(folder)):
            self.application.storeSetting(LIBRARY_FOLDER, folder)
            self.logic.paintingChanged.emit()
        self.refresh()

    def close(self) -> None:
        """Goes on without a library; what is in the folder stays."""
        self.logic.library.choose("")
        self.application.storeSetting(LIBRARY_FOLDER, "")
        self.refresh()
        self.logic.paintingChanged.emit()

    def addCase(self) -> None:
        self.refresh()  # what is selected may be another segmentation than a moment ago
        self.application.busyCursor()
        try:
            self._attempt(self._add)
        finally:
            self.application.normalCursor()
        self.refresh()

    def _add(self) -> None:
        chosen = [row.segmentId for row in self._rows if self._isChosen(row)]
        try:
            self.logic.library.addCase(chosen)
        except ScanIsThereError as error:
            question = _("{problem} Replace it by this one?").format(problem=str(error))
            if self.application.confirm(question):
                self.logic.library.addCase(chosen, replace=True)

    def adapt(self) -> None:
        """Begins, or goes on where it was stopped."""
        if self._isReady() and self._attempt(self.logic.adaptation.start):
            self._startPolling()

    def _showAdaptation(self) -> None:
        ui, adaptation = self.ui, self.logic.adaptation
        progress, isBusy = adaptation.progress, adaptation.isBusy
        ui.adaptLabel.setText(adaptation.told)
        ui.adaptLabel.setVisible(bool(adaptation.told))
        ui.adaptProgressBar.setVisible(isBusy)
        ui.adaptProgressBar.setMaximum(0 if progress is None else max(progress.total, 1))  # 0: it only moves
        ui.adaptProgressBar.setValue(0 if progress is None else progress.done)
        ui.adaptButton.setVisible(not isBusy)
        ui.stopAdaptingButton.setVisible(isBusy)
        ui.libraryFolderButton.setEnabled(not isBusy)
        ui.libraryCloseButton.setEnabled(not isBusy and bool(self.logic.library.folder))

    def _isChosen(self, row) -> bool:
        return row.isNamed and self._chosen.get(self._key(row.segmentId), row.isFinished)

    def _key(self, segmentId: str) -> tuple[str, str]:
        return self.logic.segmentationNode.GetID(), segmentId

    def _fill(self) -> None:
        table = self.ui.libraryTable
        self._updating = True
        table.setRowCount(len(self._rows))
        for number, row in enumerate(self._rows):
            finished = qt.QTableWidgetItem()
            finished.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsUserCheckable if row.isNamed else qt.Qt.NoItemFlags)
            finished.setCheckState(qt.Qt.Checked if self._isChosen(row) else qt.Qt.Unchecked)
            if row.isNamed:
                finished.setToolTip(_("Tick what is complete in the whole scan; it is what the next patient is given."))
            else:
                finished.setToolTip(_("Give the segment a name or a terminology, by which it can be known again."))
            table.setItem(number, _FINISHED, finished)
            for column, text in ((_SEGMENT, row.name), (_CASES, str(row.count))):
                item = qt.QTableWidgetItem(text)
                item.setFlags(qt.Qt.ItemIsEnabled)
                table.setItem(number, column, item)
            use = qt.QTableWidgetItem()
            use.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsUserCheckable if row.others else qt.Qt.NoItemFlags)
            use.setCheckState(qt.Qt.Checked if row.isUsed else qt.Qt.Unchecked)
            if row.count and not row.others:
                use.setToolTip(_("The only case is of this very scan, which has nothing to learn from itself."))
            else:
                use.setToolTip(_("Ticked: the next run learns from these cases, as far as they fit what is painted."))
            table.setItem(number, _USE, use)
        self._updating = False
        self._showAdaptation()
        free = not self.logic.state.isBusy and not self.logic.state.hasPreview
        self.ui.addCaseButton.setEnabled(free and any(self._isChosen(row) for row in self._rows))

    def _onItemChanged(self, item) -> None:
        if self._updating or item.column() not in (_FINISHED, _USE):
            return
        segmentId, isChecked = self._rows[item.row()].segmentId, item.checkState() == qt.Qt.Checked
        if item.column() == _FINISHED:
            self._chosen[self._key(segmentId)] = isChecked
        else:
            self.logic.library.want(segmentId, isChecked)
        self.refresh()
