"""Stand-in for qMRMLSegmentEditorWidget, as a plain Qt widget with the same methods."""

from . import PythonQt

qt = PythonQt.install()

import slicer  # noqa: E402
import vtk  # noqa: E402
from PySide6.QtCore import Property, Signal  # noqa: E402

from .Widgets import NodeComboBox, SliderWidget  # noqa: E402


class SegmentEditorWidget(qt.QFrame):
    """qMRMLSegmentEditorWidget: the table of segments, a palette and undo; painting itself is done by `Brush`.

    As tall as the real one in Slicer 5.13: about 280 pixels without an effect, 500 with Paint and its options.
    """

    currentSegmentIDChanged = Signal(str)
    unorderedEffectsVisible = Property(
        bool, lambda self: self._unordered, lambda self, visible: self._showEffects(self._order, visible)
    )
    segmentationNodeSelectorVisible = Property(bool, lambda self: False, lambda self, value: None)
    sourceVolumeNodeSelectorVisible = Property(bool, lambda self: False, lambda self, value: None)
    switchToSegmentationsButtonVisible = Property(bool, lambda self: False, lambda self, value: None)
    EFFECTS = ("Paint", "Draw", "Erase", "Level tracing", "Scissors", "Islands")
    AREAS = (
        ("Everywhere", slicer.vtkMRMLSegmentationNode.EditAllowedEverywhere),
        ("Inside all segments", slicer.vtkMRMLSegmentationNode.EditAllowedInsideAllSegments),
        ("Inside all visible segments", slicer.vtkMRMLSegmentationNode.EditAllowedInsideVisibleSegments),
        ("Outside all segments", slicer.vtkMRMLSegmentationNode.EditAllowedOutsideAllSegments),
        ("Outside all visible segments", slicer.vtkMRMLSegmentationNode.EditAllowedOutsideVisibleSegments),
    )
    OVERWRITE = (
        ("Overwrite all", slicer.vtkMRMLSegmentEditorNode.OverwriteAllSegments),
        ("Overwrite visible", slicer.vtkMRMLSegmentEditorNode.OverwriteVisibleSegments),
        ("Allow overlap", slicer.vtkMRMLSegmentEditorNode.OverwriteNone),
    )

    def __init__(self, parent=None):
        super().__init__(parent)
        self.scene = self.editorNode = self._observedNode = None
        self.activeEffectName, self.shortcutsInstalled, self.viewsObserved = "", False, False
        self._shownSegmentId, self._segmentationTags = "", []
        self._heldNode, self._heldEffect = None, ""  # what it would still work with, were the scene closed now
        self._scripted, self._order, self._unordered = {}, list(self.EFFECTS), True
        self.history = slicer.vtkSegmentationHistory()
        self.logic = slicer.vtkSlicerSegmentEditorLogic()
        self.logic.SetVerbose(True)
        self._segmentationSelector, self._volumeSelector = NodeComboBox(self), NodeComboBox(self)
        for selector, className in (
            (self._segmentationSelector, "vtkMRMLSegmentationNode"),
            (self._volumeSelector, "vtkMRMLScalarVolumeNode"),
        ):
            selector.setProperty("nodeTypes", [className])
            selector.setVisible(False)
        self.setFrameShape(qt.QFrame.StyledPanel)
        # Not to be squeezed: the real one gets the height that it asks for.
        self.setSizePolicy(qt.QSizePolicy.Preferred, qt.QSizePolicy.Fixed)
        layout = qt.QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(6)
        top = qt.QHBoxLayout()
        self.addButton, self.undoButton, self.redoButton = (qt.QPushButton(text) for text in ("Add", "Undo", "Redo"))
        for button in (self.addButton, qt.QPushButton("Remove"), qt.QPushButton("Show 3D")):
            top.addWidget(button)
        layout.addLayout(top)
        self.table = qt.QTableWidget(0, 2)
        self.table.setHorizontalHeaderLabels(["", "Segment"])
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.verticalHeader().setVisible(False)
        self.table.setFixedHeight(107)
        self.table.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
        self.table.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
        layout.addWidget(self.table)
        layout.addWidget(self._effectsGroup())
        self.optionsGroup = self._optionsGroup()
        self.maskingGroup = self._maskingGroup()
        for group in (self.optionsGroup, self.maskingGroup):
            layout.addWidget(group)
            group.setVisible(False)
        self.addButton.clicked.connect(self._onAdd)
        self.undoButton.clicked.connect(self.undo)
        self.redoButton.clicked.connect(self.redo)
        self.table.cellClicked.connect(lambda row, _column: self.setCurrentSegmentID(self._identifiers()[row]))
        self.updateEffectList()

    def _effectsGroup(self):
        group = qt.QGroupBox("Effects")
        column = qt.QVBoxLayout(group)
        column.setContentsMargins(4, 4, 4, 4)
        self.palette_ = qt.QGridLayout()
        column.addLayout(self.palette_)
        self.effectButtons = {}
        for name in self.EFFECTS:
            self._addEffectButton(name, name)
        undo = qt.QHBoxLayout()
        undo.addWidget(self.undoButton)
        undo.addWidget(self.redoButton)
        column.addLayout(undo)
        return group

    def _addEffectButton(self, name, title, icon=None):
        button = qt.QToolButton()
        button.setText(title)
        if icon is not None:
            button.setIcon(icon)
            button.setToolButtonStyle(qt.Qt.ToolButtonTextBesideIcon)
        button.setCheckable(True)
        button.setFixedHeight(32)
        button.setSizePolicy(qt.QSizePolicy.Expanding, qt.QSizePolicy.Fixed)
        button.clicked.connect(lambda _checked: self.setActiveEffectByName(name))
        self.effectButtons[name] = button

    def updateEffectList(self):
        """Clones the effects that were registered since, as every Segment Editor has its own."""
        factory = getattr(slicer, "qSlicerSegmentEditorEffectFactory", None)
        for effect in factory.instance().copyEffects(self._scripted) if factory is not None else ():
            self._scripted[effect.name] = effect
            effect.host(self)
            if self.editorNode is not None:
                effect.setParameterSetNode(self.editorNode)
                effect.setMRMLDefaults()
            self._addEffectButton(effect.name, effect.title, effect.icon())
            effect.setupOptionsFrame()
            self.layout().insertWidget(self.layout().indexOf(self.optionsGroup) + 1, effect.optionsFrame())
        self._showEffects(self._order, self._unordered)

    def availableEffectNames(self):
        return list(self.effectButtons)

    def effectNameOrder(self):
        return list(self._order)

    def setEffectNameOrder(self, names):
        self._showEffects(list(names), self._unordered)

    def effectByName(self, name):
        return self._scripted.get(name)

    def activeEffect(self):
        return self._scripted.get(self.activeEffectName)

    def _showEffects(self, order, unordered):
        self._order, self._unordered = order, unordered
        shown = [name for name in order if name in self.effectButtons]
        if unordered:
            shown += [name for name in self.effectButtons if name not in shown]
        for name, button in self.effectButtons.items():
            self.palette_.removeWidget(button)
            button.setVisible(name in shown)
        for number, name in enumerate(shown):
            self.palette_.addWidget(self.effectButtons[name], number // 3, number % 3)

    def cleanup(self):
        """What the destructor of the real one does for its effects."""
        for effect in self._scripted.values():
            effect.cleanup()

    def _optionsGroup(self):
        group = qt.QGroupBox("Paint")
        form = qt.QFormLayout(group)
        form.setContentsMargins(4, 4, 4, 4)
        form.addRow(qt.QLabel("Paint with a round brush. Show details."))
        form.addRow("Diameter:", SliderWidget())
        self.sphereCheckBox = qt.QCheckBox("Sphere brush")
        form.addRow(self.sphereCheckBox)
        return group

    def _maskingGroup(self):
        group = qt.QGroupBox("Masking")
        form = qt.QFormLayout(group)
        form.setContentsMargins(4, 4, 4, 4)
        self.areaBox, intensityBox, self.overwriteBox = (qt.QComboBox() for _number in range(3))
        intensityBox.addItem("Any")
        for text, mode in self.OVERWRITE:
            self.overwriteBox.addItem(text, mode)
        for label, box in (
            ("Editable area:", self.areaBox),
            ("Editable intensity:", intensityBox),
            ("Modify other segments:", self.overwriteBox),
        ):
            box.setSizeAdjustPolicy(qt.QComboBox.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(6)
            form.addRow(label, box)
        self.areaBox.currentIndexChanged.connect(self._onAreaChosen)
        self.overwriteBox.currentIndexChanged.connect(self._onOverwriteChosen)
        return group

    def _followMasking(self):
        """Shows what the node says; behind the areas for all there is one for each segment."""
        node, segmentation = self.editorNode, self._observedNode and self._observedNode.GetSegmentation()
        areas = [
            *self.AREAS,
            *((f"Inside {segmentation.GetSegment(one).GetName()}", one) for one in self._identifiers()),
        ]
        isSingle = node.GetMaskMode() == slicer.vtkMRMLSegmentationNode.EditAllowedInsideSingleSegment
        shown = node.GetMaskSegmentID() if isSingle else node.GetMaskMode()
        for box in (self.areaBox, self.overwriteBox):
            box.blockSignals(True)
        self.areaBox.clear()
        for text, area in areas:
            self.areaBox.addItem(text, area)
        values = [area for _text, area in areas]
        self.areaBox.setCurrentIndex(values.index(shown) if shown in values else -1)
        self.overwriteBox.setCurrentIndex([mode for _text, mode in self.OVERWRITE].index(node.GetOverwriteMode()))
        for box in (self.areaBox, self.overwriteBox):
            box.blockSignals(False)

    def _onAreaChosen(self, index):
        area = self.areaBox.itemData(index)
        if isinstance(area, str):
            self.editorNode.SetMaskSegmentID(area)
            self.editorNode.SetMaskMode(slicer.vtkMRMLSegmentationNode.EditAllowedInsideSingleSegment)
        else:
            self.editorNode.SetMaskMode(area)

    def _onOverwriteChosen(self, index):
        self.editorNode.SetOverwriteMode(self.overwriteBox.itemData(index))

    def setMRMLScene(self, scene):
        if scene is self.scene:
            return
        self.scene = scene
        self.logic.SetMRMLScene(scene)
        for selector in (self._segmentationSelector, self._volumeSelector):
            selector.setMRMLScene(scene)
        scene.AddObserver(scene.EndCloseEvent, self._onSceneClosed, 100.0)
        scene.AddObserver(scene.EndBatchProcessEvent, self._onBatchProcessed)

    def setMRMLSegmentEditorNode(self, node):
        if node is self.editorNode:
            return
        if self.editorNode is not None:
            self.editorNode.RemoveObserver(self._editorNodeTag)
        self.editorNode = node
        self._heldNode, self._heldEffect = None, ""
        self.logic.SetSegmentEditorNode(node)
        for effect in self._scripted.values() if node is not None else ():
            effect.setParameterSetNode(node)
            effect.setMRMLDefaults()
        if node is not None:
            self._editorNodeTag = node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self.updateWidgetFromMRML())
            self.updateWidgetFromMRML()

    def setMaximumNumberOfUndoStates(self, count):
        self.history.SetMaximumNumberOfStates(count)

    def setSegmentationNode(self, node):
        self._heldNode = node
        if node is not self.editorNode.GetSegmentationNode():
            self.logic.SetSegmentationNode(node)
            self.setActiveEffect(None)

    def setSourceVolumeNode(self, node):
        self.logic.SetSourceVolumeNode(node)

    def segmentationNode(self):
        return self._segmentationSelector.currentNode()

    def sourceVolumeNode(self):
        return self.logic.GetSourceVolumeNode()

    def currentSegmentID(self):
        return self.editorNode.GetSelectedSegmentID() or ""

    def setCurrentSegmentID(self, identifier):
        self.editorNode.SetSelectedSegmentID(identifier)

    def saveStateForUndo(self):
        self.history.SaveState()

    def undo(self):
        self.history.RestorePreviousState()

    def redo(self):
        self.history.RestoreNextState()

    def setActiveEffectByName(self, name):
        self._heldEffect = name
        self.editorNode.SetActiveEffectName(name)

    def setActiveEffect(self, effect):
        assert effect is None
        if self.editorNode is not None:
            self.setActiveEffectByName("")

    def removeViewObservations(self):
        self.viewsObserved = False

    def updateWidgetFromMRML(self):
        """As the real one, it does nothing while the scene is closed or nodes come in large numbers."""
        if self.editorNode is None or self.scene is None or self.scene.IsClosing() or self.scene.IsBatchProcessing():
            return
        self._heldNode, self._heldEffect = self.editorNode.GetSegmentationNode(), self.editorNode.GetActiveEffectName()
        wasModifying = self.editorNode.StartModify()
        self._followSegmentation(self._heldNode)
        self.editorNode.EndModify(wasModifying)
        self._volumeSelector.setCurrentNode(self.editorNode.GetSourceVolumeNode())
        self._followEffect(self._heldEffect or "")
        self._followMasking()
        identifiers = self._identifiers()
        self.table.setRowCount(len(identifiers))
        for row, identifier in enumerate(identifiers):
            segment = self._observedNode.GetSegmentation().GetSegment(identifier)
            swatch = qt.QPixmap(14, 14)
            swatch.fill(qt.QColor.fromRgbF(*segment.GetColor()))
            color = qt.QTableWidgetItem(qt.QIcon(swatch), "")
            self.table.setItem(row, 0, color)
            self.table.setItem(row, 1, qt.QTableWidgetItem(segment.GetName()))
            self.table.setRowHeight(row, 22)
            if identifier == self.currentSegmentID():
                self.table.selectRow(row)
        self.table.setColumnWidth(0, 28)
        if self.currentSegmentID() != self._shownSegmentId:
            self._shownSegmentId = self.currentSegmentID()
            self.currentSegmentIDChanged.emit(self._shownSegmentId)

    def _followSegmentation(self, node):
        self._segmentationSelector.setCurrentNode(node)
        if node is self._observedNode:
            return
        if self._observedNode is not None:
            for tag in self._segmentationTags:
                self._observedNode.RemoveObserver(tag)
        self._observedNode = node
        self.history.SetSegmentation(node.GetSegmentation() if node is not None else None)
        self._segmentationTags = (
            [
                node.AddObserver(event, lambda *_: self.updateWidgetFromMRML())
                for event in (
                    slicer.vtkSegmentation.SegmentAdded,
                    slicer.vtkSegmentation.SegmentRemoved,
                    slicer.vtkSegmentation.SegmentModified,
                )
            ]
            if node is not None
            else []
        )
        if node is not None:  # The real one takes that volume, and that segment, whatever its node says.
            self.logic.SetSourceVolumeNode(node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole()))
            self.setCurrentSegmentID(next(iter(self._identifiers()), self.currentSegmentID()))

    def _followEffect(self, name):
        if name == self.activeEffectName:
            return
        if self.activeEffect() is not None:
            self.activeEffect().deactivate()
        self.viewsObserved = bool(name)
        if name in self._scripted:
            self._scripted[name].activate()
        self.activeEffectName = name
        for other, button in self.effectButtons.items():
            button.setChecked(other == name)
        self.optionsGroup.setTitle(name)
        self.optionsGroup.setVisible(bool(name) and name not in self._scripted)
        self.maskingGroup.setVisible(bool(name))

    def _onSceneClosed(self, _caller, _event):
        """Views change here, and an effect that observes them draws its brush on a segmentation that is gone."""
        for held, what in (
            (self._heldEffect, "an active effect"),
            (self._heldNode, "a segmentation"),
            (self.viewsObserved, "its view observations"),
        ):
            if held:
                self.scene.crashes.append(f"The scene was closed while the Segment Editor had {what}")
        self._heldNode, self._heldEffect, self.viewsObserved = None, "", False
        self.updateWidgetFromMRML()

    def _onBatchProcessed(self, _caller, _event):
        """The real one takes over what its own selectors show, whatever its node says."""
        if self.editorNode is not None:
            self.setSegmentationNode(self._segmentationSelector.currentNode())
            if self.editorNode.GetSourceVolumeNode() is not self._volumeSelector.currentNode():
                self.setSourceVolumeNode(self._volumeSelector.currentNode())
        self.updateWidgetFromMRML()

    def installKeyboardShortcuts(self, _parent=None):
        self.shortcutsInstalled = True

    def uninstallKeyboardShortcuts(self):
        self.shortcutsInstalled = False

    def _identifiers(self):
        return list(self._observedNode.GetSegmentation().GetSegmentIDs()) if self._observedNode else []

    def _onAdd(self):
        self.setCurrentSegmentID(self._observedNode.GetSegmentation().AddEmptySegment())
