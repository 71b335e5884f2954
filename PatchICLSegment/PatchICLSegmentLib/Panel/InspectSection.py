"""For researchers: what the cascade did on the current slice, level by level."""

import qt

from ..Inspection import levelTable
from ..Overlays.PatchOutlines import levelColor
from ..Translation import _
from .Tiles import tilesPixmap


class InspectSection:
    def __init__(self, ui, logic, application, attempt, startPolling):
        self.ui, self.logic, self.application = ui, logic, application
        self._attempt, self._startPolling = attempt, startPolling
        ui.exportButton.connect("clicked()", self.export)
        ui.logitsButton.connect("clicked()", self.askForLogits)
        ui.levelTable.connect("cellClicked(int,int)", lambda row, _column: ui.levelSlider.setValue(row))
        ui.levelTable.horizontalHeader().setSectionResizeMode(qt.QHeaderView.Stretch)
        ui.inspectSection.connect("contentsCollapsed(bool)", self._onCollapsed)
        logic.resultsChanged.connect(self.refresh)
        logic.logits.changed.connect(self.refresh)

    def refresh(self) -> None:
        """Follows the slice that is shown."""
        ui, logic = self.ui, self.logic
        selections = logic.results.selections
        selection = logic.views.selectionOfCurrentSlice() if selections else None
        levels = selections.most_levels if selections else 0
        ui.levelSlider.setMaximum(max(levels - 1, -1))
        level = logic.parameters.patchLevel
        ui.levelName.setText(_("all") if level < 0 else str(level + 1))
        for widget in (ui.patchesCheckBox, ui.levelSlider, ui.patchOpacitySlider):
            widget.setEnabled(bool(selections))
        ui.logitsButton.setEnabled(selection is not None and not logic.needsPolling)
        ui.logitsSelector.setEnabled(logic.views.logitsOfCurrentSlice() is not None)
        ui.exportButton.setEnabled(logic.results.run is not None)
        logic.views.updatePatches()
        logic.views.updateLogits()
        if logic.logits.isBusy:
            ui.inspectLabel.setText(_("Asking the network for the logits..."))
        elif logic.results.run is None:
            ui.inspectLabel.setText(_("There is no result to inspect yet."))
        elif not selections:
            ui.inspectLabel.setText(_("The library alone found this: there are no patches to show."))
        elif selection is None:
            ui.inspectLabel.setText(
                _(
                    "The network did not look at the current slice: it is painted, lies between two that it looked at, "
                    "or beyond; go to another one."
                )
            )
        elif logic.views.logitsOfCurrentSlice() is not None:
            ui.inspectLabel.setText(
                _(
                    "Slice {index}: percents say how much was read from each painted slice, solid outlines where."
                ).format(index=selection.slice_index)
            )
        else:
            ui.inspectLabel.setText(
                _("Slice {index}: solid outlines were looked at, dashed ones are the context they drew on.").format(
                    index=selection.slice_index
                )
            )
        self._fillTable(levelTable(selection) if selection is not None else {})
        self._showPicture()

    def askForLogits(self) -> None:
        if self._attempt(self.logic.logits.start):
            self._startPolling()

    def export(self) -> None:
        folder = self.application.chooseFolder(_("Folder for the report, the selections and the picture"))
        if folder:
            self._attempt(lambda: self.logic.views.export(folder))

    def _onCollapsed(self, collapsed: bool) -> None:
        if not collapsed:
            self._showPicture()

    def _showPicture(self) -> None:
        """Only where it is seen: it takes a moment on large volumes."""
        label = self.ui.inspectPicture
        tiles = [] if self.ui.inspectSection.collapsed else self.logic.views.inspectionTiles()
        if tiles:
            colors = [label.palette.color(role) for role in (qt.QPalette.WindowText, qt.QPalette.Window)]
            label.setPixmap(tilesPixmap(tiles, *colors))
        else:
            label.setText("")
        label.setVisible(bool(tiles))

    def _fillTable(self, columns) -> None:
        table = self.ui.levelTable
        table.setColumnCount(len(columns))
        table.setRowCount(len(next(iter(columns.values()), [])))
        table.setHorizontalHeaderLabels(list(columns))
        for column, values in enumerate(columns.values()):
            for row, value in enumerate(values):
                item = qt.QTableWidgetItem(f"{value:.3f}" if isinstance(value, float) else str(value))
                item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
                if column == 0:
                    red, green, blue = (round(255 * part) for part in levelColor(row))
                    pixmap = qt.QPixmap(12, 12)
                    pixmap.fill(qt.QColor(red, green, blue))
                    item.setIcon(qt.QIcon(pixmap))
                table.setItem(row, column, item)
        # As high as its rows: the pictures below are what one looks at.
        table.setFixedHeight(table.horizontalHeader().height + 26 * max(table.rowCount, 2))
