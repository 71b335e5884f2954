"""Where the model is unsure, and where to paint next."""

import qt

from ..Errors import SceneError
from ..SceneIO.Volumes import gridOfVolume
from ..Translation import _
from .ColorBar import entropyBar

_LONGEST_LIST = 12


class UncertaintySection:
    def __init__(self, ui, logic, application, attempt):
        self.ui, self.logic, self.application = ui, logic, application
        self._rows = []
        ui.plotButton.connect("clicked()", lambda: application.showPlot(logic.results.chartNode))
        ui.reviewButton.connect("clicked()", lambda: attempt(logic.views.addReviewSegment))
        ui.reviewTable.setColumnCount(3)
        ui.reviewTable.setHorizontalHeaderLabels([_("Slice"), _("Position"), _("Uncertainty")])
        ui.reviewTable.connect("cellClicked(int,int)", self._onCellClicked)
        logic.resultsChanged.connect(self.onResults)

    def onResults(self) -> None:
        """A new result: its layer is shown."""
        self.logic.views.updateEntropy()
        self.refresh()

    def refresh(self) -> None:
        colors = [self.ui.entropyColors.palette.color(role) for role in (qt.QPalette.WindowText, qt.QPalette.Window)]
        self.ui.entropyColors.setPixmap(entropyBar(self.logic.parameters.entropyThreshold, *colors))
        hasResult = self.logic.results.run is not None
        hasEntropy = self.logic.results.entropyNode is not None
        self.ui.plotButton.setEnabled(hasResult)
        for widget in (
            self.ui.entropyCheckBox,
            self.ui.entropyOpacitySlider,
            self.ui.entropyThresholdSlider,
            self.ui.reviewThresholdSlider,
            self.ui.reviewButton,
        ):
            widget.setEnabled(hasEntropy)
        try:
            self._rows = self.logic.views.slicesToReview()[:_LONGEST_LIST]
        except SceneError:
            self._rows = []  # The volume of the result cannot be used any more.
        table = self.ui.reviewTable
        table.setRowCount(len(self._rows))
        for number, row in enumerate(self._rows):
            grid, axis = gridOfVolume(self.logic.results.volumeNode), self.logic.results.axis
            texts = (str(row.index), f"{grid.position(axis, row.index)} mm", f"{row.uncertainty:.2f}")
            for column, text in enumerate(texts):
                item = qt.QTableWidgetItem(text)
                item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
                table.setItem(number, column, item)

    def _onCellClicked(self, number: int, _column: int) -> None:
        if 0 <= number < len(self._rows):
            self.logic.views.jumpTo(self._rows[number].index)
