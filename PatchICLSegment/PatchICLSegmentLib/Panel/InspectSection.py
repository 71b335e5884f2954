"""For researchers: the patches of the current slice, level by level."""

from __future__ import annotations

import qt

from ..Inspection import levelTable
from ..Overlays.PatchOutlines import levelColor
from ..Translation import _


class InspectSection:
    def __init__(self, ui, logic, application, attempt):
        self.ui, self.logic, self.application = ui, logic, application
        self._attempt = attempt
        self._shown = None
        ui.exportButton.connect("clicked()", self.export)
        logic.resultsChanged.connect(self.refresh)

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
        ui.exportButton.setEnabled(logic.results.run is not None)
        logic.views.updatePatches()
        if not selections:
            ui.inspectLabel.setText(_("There is no result to inspect yet."))
        elif selection is None:
            ui.inspectLabel.setText(_("The current slice was not predicted; go to another one."))
        else:
            ui.inspectLabel.setText(
                _("Slice {index}: solid outlines were looked at, dashed ones are the context they drew on.").format(
                    index=selection.slice_index
                )
            )
        self._fillTable(levelTable(selection) if selection is not None else {})

    def export(self) -> None:
        folder = self.application.chooseFolder(_("Folder for the report, the selections and the picture"))
        if folder:
            self._attempt(lambda: self.logic.views.export(folder))

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
        table.resizeColumnsToContents()
