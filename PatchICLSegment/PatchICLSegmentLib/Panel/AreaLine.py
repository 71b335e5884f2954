"""One line that says what other segments a run is told of, as long as they say something."""

import vtk
from slicer.util import VTKObservationMixin

from ..Signal import Connections


class AreaLine(VTKObservationMixin):
    """Follows the segments, and the Segment Editor's editable area; another area is another thing to propagate."""

    def __init__(self, ui, logic):
        VTKObservationMixin.__init__(self)
        self.ui, self.logic = ui, logic
        self._node = self._area = None
        self._connections = Connections((logic.paintingChanged, self.refresh), (logic.stateChanged, self.refresh))
        self.refresh()

    def refresh(self) -> None:
        logic = self.logic
        if logic.scene.IsClosing():
            return
        self._observe(logic.editorNode)
        self._area = logic.editableArea
        text = logic.otherSegmentsTold()
        self.ui.areaLabel.setText(text)
        self.ui.areaLabel.setVisible(bool(text))

    def stop(self) -> None:
        """Its label may go, while the logic stays."""
        self.removeObservers()
        self._node = None
        self._connections.end()

    def _observe(self, node) -> None:
        if node is not self._node:
            self.removeObservers()
            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self._onEditorModified)
            self._node = node

    def _onEditorModified(self, node, _event) -> None:
        logic = self.logic
        isChanging = logic.scene.IsClosing() or logic.scene.IsBatchProcessing() or logic.isWriting
        if not isChanging and node is logic.editorNode and logic.editableArea != self._area:
            self.refresh()
            logic.paintingChanged.emit()
