"""What is filled and how much is looked at: the settings that need more than a binding."""


class SettingsSection:
    def __init__(self, ui, logic, attempt):
        self.ui, self.logic = ui, logic
        self._attempt = attempt
        self._updating = False
        ui.regionSelector.connect("currentNodeChanged(vtkMRMLNode*)", self._onRegionSelected)
        ui.fitRegionButton.connect("clicked()", self.fitRegion)

    def refresh(self) -> None:
        self._updating = True
        self.ui.regionSelector.setCurrentNode(self.logic.regionNode)
        self._updating = False
        # First and last slice matter only where a range is to be filled.
        isRange = self.logic.parameters.extent == "range"
        for widget in (self.ui.rangeLabel, self.ui.firstSliceSpinBox, self.ui.toLabel, self.ui.lastSliceSpinBox):
            widget.setEnabled(isRange)

    def stop(self) -> None:
        self.ui.regionSelector.blockSignals(True)

    def fitRegion(self) -> None:
        self._attempt(self.logic.fitRegion)
        self.refresh()

    def _onRegionSelected(self, node) -> None:
        if not self._updating:
            self.logic.regionNode = node
