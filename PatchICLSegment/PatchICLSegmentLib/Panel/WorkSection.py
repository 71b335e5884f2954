"""Choosing volume and segmentation, painting, and the painted slices as small pictures and as a table."""

from __future__ import annotations

import numpy as np
import qt

from ..Errors import SceneError
from ..SceneIO.PaintedSlices import Remark
from ..SceneIO.SliceViews import alignViews, currentSlice, rotatedViews
from ..SceneIO.Volumes import AXIS_NAMES, arrayOfVolume, gridOfVolume
from ..Translation import _, counted
from .Thumbnails import thumbnail
from .ThumbnailStrip import Entry, ThumbnailStrip

_USE, _SLICE, _POSITION, _AREA = range(4)
_REFRESH_DELAY_MS = 250
# Letters of a node in a title, and of a button: neither is narrower than its text.
_LONGEST_NAME, _LONGEST_REMEDY = 18, 36


class WorkSection:
    def __init__(self, ui, logic, application, editor, attempt, paintingShown):
        self.ui, self.logic, self.application, self.editor = ui, logic, application, editor
        self._paintingShown = paintingShown
        self._attempt = attempt
        self._updating = False
        self._thumbnails = {}
        self._rows, self._axis = [], None
        self._inputsChosen = False
        self._problem = None
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REFRESH_DELAY_MS)
        self._timer.connect("timeout()", self.refreshTable)
        ui.volumeSelector.connect("currentNodeChanged(vtkMRMLNode*)", self._onVolumeSelected)
        ui.segmentationSelector.connect("currentNodeChanged(vtkMRMLNode*)", self._onSegmentationSelected)
        ui.segmentEditor.connect("currentSegmentIDChanged(QString)", self._onSegmentSelected)
        ui.alignButton.connect("clicked()", self._onAlign)
        ui.remedyButton.connect("clicked()", self._onRemedy)
        ui.notOnSliceButton.connect("clicked()", self.declareNotOnSlice)
        ui.drawAfreshButton.connect("clicked()", self.drawAfresh)
        ui.removeSliceButton.connect("clicked()", self._onRemove)
        table = ui.paintedTable
        table.setColumnCount(4)
        table.setHorizontalHeaderLabels([_("Use"), _("Slice"), _("Position"), _("Area")])
        # Not resized by hand after a refresh: that would take the last column its share of the width.
        table.horizontalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        table.connect("cellClicked(int,int)", self._onCellClicked)
        table.connect("itemChanged(QTableWidgetItem*)", self._onItemChanged)
        self.strip = ThumbnailStrip(ui.paintedStrip, logic.views.jumpTo)
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
        self._axis = painting.axis if self._rows else None
        self._updating = True
        self.ui.paintedTable.setRowCount(len(self._rows))
        entries = [self._fillRow(number, row, painting) for number, row in enumerate(self._rows)]
        self._updating = False
        self.strip.fill(entries)
        self._markCurrent()
        self.ui.paintedLabel.setText(self._summary(painting) if problem is None else problem.sentence)
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
        volume, axis = self.logic.volumeNode, self._axis
        self.strip.mark(None if volume is None or axis is None else currentSlice(self.logic.scene, volume, axis))

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
            index = self.logic.views.currentIndex()
            if index is None:
                raise SceneError(_("No slice view shows slices of the painted direction; align the views first."))
            action(index)

        if self._attempt(act):
            self.refreshTable()

    def _onRemove(self) -> None:
        number = self.ui.paintedTable.currentRow()
        if 0 <= number < len(self._rows):
            self._attempt(lambda: self.logic.painting.remove(self._rows[number].index))
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
            self.logic.views.jumpTo(self._rows[number].index)

    def _onItemChanged(self, item) -> None:
        if self._updating or item.column() != _USE:
            return
        row = self._rows[item.row()]
        self._attempt(lambda: self.logic.painting.setContext(row.index, item.checkState() == qt.Qt.Checked))
        self.refreshTable()

    # Rows

    def _fillRow(self, number: int, row, painting) -> Entry:
        """Fills a row of the table; returns the same slice for the strip."""
        grid = gridOfVolume(self.logic.volumeNode)
        use = qt.QTableWidgetItem()
        use.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable | qt.Qt.ItemIsUserCheckable)
        use.setCheckState(qt.Qt.Checked if row.isContext else qt.Qt.Unchecked)
        if row.isStray:
            use.setToolTip(_("Hardly anything is painted here, so the slice is no context and is filled. Tick: it is."))
        else:
            use.setToolTip(_("Ticked: the slice serves as context. It is kept as you drew it either way."))
        offset = grid.sliceOffset(painting.axis, row.index)
        letter = grid.anatomicalLetters(painting.axis)[0 if offset >= 0 else 1]
        area = row.area * np.prod([step for axis, step in enumerate(grid.spacing) if axis != painting.axis])
        position = f"{letter} {abs(offset):.1f} mm"
        drawn = _drawn(row, area)
        table = self.ui.paintedTable
        table.setItem(number, _USE, use)
        for column, text in {_SLICE: str(row.index), _POSITION: position, _AREA: drawn}.items():
            table.setItem(number, column, _readOnly(text))
        return Entry(
            index=row.index,
            picture=self._thumbnail(painting, row, grid),
            text=_("empty") if row.declaredEmpty else f"{letter} {abs(offset):.1f}",
            toolTip=_("Slice {index}, {position}: {drawn}").format(index=row.index, position=position, drawn=drawn),
            isPale=not row.isContext,
        )

    def _thumbnail(self, painting, row, grid):
        plane = painting.box.plane(painting.axis, row.index)
        key = (self.logic.volumeNode.GetID(), painting.axis, row.index, hash(plane.tobytes()))
        if key not in self._thumbnails:
            if len(self._thumbnails) > 200:
                self._thumbnails.clear()
            volume = arrayOfVolume(self.logic.volumeNode)
            display = self.logic.volumeNode.GetScalarVolumeDisplayNode()
            if display is not None:
                window = display.GetWindowLevelMin(), display.GetWindowLevelMax()
            else:
                window = np.percentile(np.take(volume, row.index, axis=painting.axis), (1, 99))
            self._thumbnails[key] = thumbnail(volume, painting, row.index, grid, window)
        return self._thumbnails[key]

    def _summary(self, painting) -> str:
        if painting is None:
            return _("Select a volume, then add a segment and paint it on two to five slices.")
        if not painting.slices:
            return _("{name}: paint it on two to five slices, in any direction of the volume.").format(
                name=painting.name
            )
        stray = painting.strayIndices
        count = len(painting.slices) - len(stray)
        text = counted(
            count, _("{name}: 1 painted slice along {axis}"), _("{name}: {count} painted slices along {axis}")
        ).format(name=painting.name, count=count, axis=AXIS_NAMES[painting.axis])
        if stray:
            ignored = counted(
                len(stray),
                _("slice {slices} is ignored, see the table"),
                _("slices {slices} are ignored, see the table"),
            ).format(slices=", ".join(str(index) for index in stray))
            text = f"{text}; {ignored}"
        return text


def _drawn(row, area: float) -> str:
    """What is on a slice, in a few words; `area` in mm²."""
    if row.declaredEmpty:
        return _("not here")
    if row.isStray:
        return _("ignored: a stray voxel") if row.area == 1 else _("ignored: a slip of the brush")
    texts = {
        Remark.NONE: _("{area:.0f} mm²"),
        Remark.DOUBTFUL: _("{area:.0f} mm², hardly painted"),
        Remark.OUTLINE: _("{area:.0f} mm², an outline: fill it"),
        Remark.SCRIBBLE: _("{area:.0f} mm², a scribble: paint all of it"),
    }
    return texts[row.remark].format(area=area)


def _shortened(text: str, longest: int) -> str:
    """For a button, where & would underline the next letter."""
    return (text if len(text) <= longest else text[: longest - 1] + "…").replace("&", "&&")


def _readOnly(text: str):
    item = qt.QTableWidgetItem(text)
    item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
    return item
