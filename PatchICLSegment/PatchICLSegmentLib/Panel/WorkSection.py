"""Choosing volume and segmentation, painting, and the painted slices as small pictures and as a table."""

import qt

from ..Errors import SceneError
from ..SceneIO.SliceViews import alignViews, currentSlice, rotatedViews
from ..Translation import _
from .Delay import delayed
from .PaintedTable import USE, PaintedTable, summary
from .ThumbnailStrip import ThumbnailStrip

_REFRESH_DELAY_MS = 250
# Letters of a node in a title, and of a button: neither is narrower than its text.
_LONGEST_NAME, _LONGEST_REMEDY = 18, 36


class WorkSection:
    def __init__(self, ui, logic, application, editor, attempt, paintingShown):
        self.ui, self.logic, self.application, self.editor = ui, logic, application, editor
        self._paintingShown = paintingShown
        self._attempt = attempt
        self._updating = False
        self._rows = []
        self._inputsChosen = False
        self._problem = None
        self._timer = delayed(self.refreshTable, _REFRESH_DELAY_MS)
        ui.volumeSelector.connect("currentNodeChanged(vtkMRMLNode*)", self._onVolumeSelected)
        ui.segmentationSelector.connect("currentNodeChanged(vtkMRMLNode*)", self._onSegmentationSelected)
        ui.segmentEditor.connect("currentSegmentIDChanged(QString)", self._onSegmentSelected)
        ui.alignButton.connect("clicked()", self._onAlign)
        ui.remedyButton.connect("clicked()", self._onRemedy)
        ui.notOnSliceButton.connect("clicked()", self.declareNotOnSlice)
        ui.drawAfreshButton.connect("clicked()", self.drawAfresh)
        ui.removeSliceButton.connect("clicked()", self._onRemove)
        self.table = PaintedTable(ui.paintedTable, logic)
        ui.paintedTable.connect("cellClicked(int,int)", self._onCellClicked)
        ui.paintedTable.connect("itemChanged(QTableWidgetItem*)", self._onItemChanged)
        self.strip = ThumbnailStrip(ui.paintedStrip, lambda axis, index: logic.views.jumpTo(index, axis))
        logic.paintingChanged.connect(self.scheduleRefresh)
        logic.stateChanged.connect(self.updateButtons)

    def stop(self) -> None:
        """The widgets may outlive the panel for a while, and the scene may change under them."""
        self._timer.stop()
        for selector in (self.ui.volumeSelector, self.ui.segmentationSelector):
            selector.blockSignals(True)

    # From the scene

    def refresh(self) -> None:
        """Shows the nodes that the logic works on."""
        self._updating = True
        self.ui.volumeSelector.setCurrentNode(self.logic.volumeNode)
        self.ui.segmentationSelector.setCurrentNode(self.logic.segmentationNode)
        self.editor.show()
        self._updating = False
        self.ui.tryItButton.setVisible(self.logic.volumeNode is None)
        self._foldInputs()
        self.refreshTable()
        self.refreshViews()

    def _foldInputs(self) -> None:
        """Once chosen, the inputs are a title that names them, so that the editor has their place."""
        nodes = self.logic.volumeNode, self.logic.segmentationNode
        chosen = all(node is not None for node in nodes)
        title = _("Volume and segmentation")
        if chosen:
            title = " · ".join(_shortened(node.GetName(), _LONGEST_NAME) for node in nodes)
        self.ui.inputSection.setProperty("text", title)
        if chosen != self._inputsChosen:
            self._inputsChosen = chosen
            self.ui.inputSection.setProperty("collapsed", chosen)

    def scheduleRefresh(self) -> None:
        """Strokes come many a second; the table follows when the hand rests."""
        self._timer.start()

    def refreshTable(self) -> None:
        self._timer.stop()
        try:
            painting = self.logic.currentPainting()
        except SceneError:
            painting = None  # A volume that cannot be used.
        problem = self.logic.remedies.problem() if painting is None or painting.problem is not None else None
        self._rows = list(painting.slices) if painting is not None else []
        self._updating = True
        entries = self.table.fill(painting, self._rows)
        self._updating = False
        self.strip.fill(entries)
        self._markCurrent()
        self.ui.paintedLabel.setText(summary(painting) if problem is None else problem.sentence)
        self.ui.liveCheckBox.setVisible(problem is None)  # Nothing runs until it is mended; the sentence has the row.
        self.offer(problem)
        self.updateButtons()
        self._paintingShown()

    def offer(self, problem) -> None:
        """Shows the button of a problem, if it has a remedy."""
        self._problem = problem if problem is not None and problem.mend is not None else None
        self.ui.remedyButton.setVisible(self._problem is not None)
        if self._problem is not None:
            self.ui.remedyButton.setText(_shortened(self._problem.remedy, _LONGEST_REMEDY))

    def refreshViews(self) -> None:
        """Marks the slice that is shown; warns of views in which a stroke would cross slices."""
        self._markCurrent()
        rotated = []
        if self.logic.volumeNode is not None:
            try:
                rotated = rotatedViews(self.logic.scene, self.logic.volumeNode)
            except SceneError:
                rotated = []
        names = ", ".join(node.GetName() for node in rotated)
        self.ui.rotatedLabel.setText(
            _("{views}: turned against the volume; what you paint there crosses slices.").format(views=names)
        )
        for widget in (self.ui.rotatedLabel, self.ui.alignButton):
            widget.setVisible(bool(rotated))

    def _markCurrent(self) -> None:
        views, volume = self.logic.views, self.logic.volumeNode
        if volume is None or not self._rows:
            self.strip.mark([])
            return
        inHand = views.axisInHand
        axes = sorted({row.axis for row in self._rows}, key=lambda axis: (axis != inHand, axis))
        self.strip.mark([(axis, currentSlice(self.logic.scene, volume, axis)) for axis in axes])

    def updateButtons(self) -> None:
        hasSegment = bool(self.logic.segmentationNode and self.logic.segmentId)
        free = hasSegment and not self.logic.state.isBusy
        for button in (self.ui.notOnSliceButton, self.ui.drawAfreshButton):
            button.setEnabled(free)
        self.ui.removeSliceButton.setEnabled(free and bool(self._rows))

    # From the user

    def declareNotOnSlice(self) -> None:
        self._onCurrentSlice(self.logic.painting.setNotOnSlice)

    def drawAfresh(self) -> None:
        self._onCurrentSlice(self.logic.painting.drawAfresh)

    def _onCurrentSlice(self, action) -> None:
        def act():
            plane = self.logic.views.planeInHand()
            if plane is None:
                raise SceneError(_("No slice view shows slices of the painted direction; align the views first."))
            axis, index = plane
            action(index, axis=axis)

        if self._attempt(act):
            self.refreshTable()

    def _onRemove(self) -> None:
        number = self.ui.paintedTable.currentRow()
        if 0 <= number < len(self._rows):
            self._attempt(lambda: self.logic.painting.remove(self._rows[number].index, self._rows[number].axis))
            self.refreshTable()

    def _onVolumeSelected(self, node) -> None:
        if self._updating:
            return
        self.editor.takeOver()
        self.logic.select(node, self.logic.segmentationNode)
        if node is not None:
            self.application.showVolume(node)
            if self.logic.segmentationNode is None:
                self._attempt(self.logic.createSegmentation)
        self.refresh()

    def _onSegmentationSelected(self, node) -> None:
        if not self._updating:
            self.editor.takeOver()
            self.logic.select(self.logic.volumeNode, node)
            self.refresh()

    def _onSegmentSelected(self, _segmentId) -> None:
        if not self._updating:
            self.refreshTable()

    def _onRemedy(self) -> None:
        self._attempt(self._problem.mend)
        self.refresh()

    def _onAlign(self) -> None:
        alignViews(self.logic.scene, self.logic.volumeNode)
        self.refreshViews()

    def _onCellClicked(self, number: int, _column: int) -> None:
        if 0 <= number < len(self._rows):
            self.logic.views.jumpTo(self._rows[number].index, self._rows[number].axis)

    def _onItemChanged(self, item) -> None:
        if self._updating or item.column() != USE:
            return
        row = self._rows[item.row()]
        isContext = item.checkState() == qt.Qt.Checked
        self._attempt(lambda: self.logic.painting.setContext(row.index, isContext, row.axis))
        self.refreshTable()


def _shortened(text: str, longest: int) -> str:
    """For a button, where & would underline the next letter."""
    return (text if len(text) <= longest else text[: longest - 1] + "…").replace("&", "&&")
