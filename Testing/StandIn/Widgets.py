"""Stand-ins for the ctk and qMRML widgets that the panel uses, as plain Qt widgets with the same methods."""

from . import PythonQt

qt = PythonQt.install()

from PySide6.QtCore import Property, Signal  # noqa: E402


class CollapsibleButton(qt.QWidget):
    """ctkCollapsibleButton: a header; its children are hidden while collapsed."""

    contentsCollapsed = Signal(bool)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._collapsed = False
        self._heights = {}  # of the children by name, to come back to
        self._text = ""
        self.header = qt.QToolButton(self)
        self.header.setToolButtonStyle(qt.Qt.ToolButtonTextBesideIcon)
        self.header.setSizePolicy(qt.QSizePolicy.Expanding, qt.QSizePolicy.Fixed)
        self.header.setStyleSheet(
            "QToolButton { border: none; background: #dfe3e8; font-weight: bold; padding: 4px; border-radius: 3px; }"
        )
        self.header.clicked.connect(lambda: self._setCollapsed(not self._collapsed))
        self._setCollapsed(False)

    def _setText(self, text):
        self._text = text
        self.header.setText(text)

    def _setCollapsed(self, collapsed):
        self._collapsed = bool(collapsed)
        self.header.setArrowType(qt.Qt.RightArrow if collapsed else qt.Qt.DownArrow)
        for child in self.children():
            if isinstance(child, qt.QWidget) and child is not self.header:
                # Hidden on purpose (setVisible) or by collapsing are two things: the contents sit in one frame.
                if collapsed and child.maximumHeight:
                    self._heights[child.objectName] = child.maximumHeight
                child.setMaximumHeight(0 if collapsed else self._heights.get(child.objectName, child.maximumHeight))
        self.setMaximumHeight(self.header.sizeHint().height() if collapsed else 16777215)
        self.updateGeometry()
        self.contentsCollapsed.emit(self._collapsed)

    def resizeEvent(self, event):
        self.header.setGeometry(0, 0, self.width, self.header.sizeHint().height())
        super().resizeEvent(event)

    def showEvent(self, event):
        layout = self.layout()
        if layout is not None:
            layout.setContentsMargins(4, self.header.sizeHint().height() + 4, 4, 4)
        self._setCollapsed(self._collapsed)
        super().showEvent(event)

    text = Property(str, lambda self: self._text, _setText)
    collapsed = Property(bool, lambda self: self._collapsed, _setCollapsed)


class SliderWidget(qt.QWidget):
    """ctkSliderWidget: a slider and a spin box with the same real number."""

    valueChanged = Signal(float)

    def __init__(self, parent=None):
        super().__init__(parent)
        self.slider, self.box = qt.QSlider(qt.Qt.Horizontal), qt.QDoubleSpinBox()
        layout = qt.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.slider)
        layout.addWidget(self.box)
        self.slider.setMaximum(1000)
        self.slider.valueChanged.connect(self._onSlider)
        self.box.valueChanged.connect(self._onBox)

    def setValue(self, value):
        self.box.setValue(value)

    def _onSlider(self, position):
        low, high = self.box.minimum, self.box.maximum
        self.box.setValue(low + (high - low) * position / 1000)

    def _onBox(self, value):
        low, high = self.box.minimum, self.box.maximum
        self.slider.blockSignals(True)
        self.slider.setValue(round(1000 * (value - low) / max(high - low, 1e-9)))
        self.slider.blockSignals(False)
        self.valueChanged.emit(value)

    value = Property(float, lambda self: self.box.value, setValue)
    minimum = Property(float, lambda self: self.box.minimum, lambda self, value: self.box.setMinimum(value))
    maximum = Property(float, lambda self: self.box.maximum, lambda self, value: self.box.setMaximum(value))
    decimals = Property(int, lambda self: self.box.decimals, lambda self, value: self.box.setDecimals(value))
    singleStep = Property(float, lambda self: self.box.singleStep, lambda self, value: self.box.setSingleStep(value))
    spinBoxVisible = Property(bool, lambda self: self.box.visible, lambda self, value: self.box.setVisible(value))


class MrmlWidget(qt.QWidget):
    """qMRMLWidget: tells its children about the scene, as the connections in the .ui file do."""

    def setMRMLScene(self, scene):
        for child in self.findChildren(qt.QWidget):
            if child is not self and hasattr(child, "setMRMLScene"):
                child.setMRMLScene(scene)


class NodeComboBox(qt.QComboBox):
    """qMRMLNodeComboBox: the nodes of some classes, following the scene.

    As the real one it does not know the nodes of a scene that is being imported: they come once the import is over and
    the event loop has turned. Until then it shows "None" when one of them is chosen.
    """

    currentNodeChanged = Signal(object)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._scene, self._nodeTypes, self._filling = None, [], False
        self._afterImport = qt.QTimer(self)
        self._afterImport.setSingleShot(True)
        self._afterImport.connect("timeout()", self._fill)
        self.currentIndexChanged.connect(self._onIndex)

    def setMRMLScene(self, scene):
        if scene is self._scene:
            return
        self._scene = scene
        for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndCloseEvent):
            scene.AddObserver(event, lambda *_: self._fill())
        scene.AddObserver(scene.StartImportEvent, lambda *_: self._afterImport.start(0))
        self._fill()

    def currentNode(self):
        identifier = self.itemData(self.currentIndex)
        return self._scene.GetNodeByID(identifier) if identifier else None

    def setCurrentNode(self, node):
        self._fill()
        self.setCurrentIndex(max(self.findData(node.GetID() if node is not None else ""), 0))

    def _fill(self):
        if self._scene.IsImporting() or self._afterImport.isActive():
            return
        before = self.itemData(self.currentIndex) or ""
        self._filling = True
        self.clear()
        self.addItem("None", "")
        for className in self._nodeTypes:
            for number in range(self._scene.GetNumberOfNodesByClass(className)):
                node = self._scene.GetNthNodeByClass(number, className)
                if node.GetClassName() == className and not node.GetHideFromEditors():
                    self.addItem(node.GetName(), node.GetID())
        self.setCurrentIndex(max(self.findData(before), 0))
        self._filling = False
        if (self.itemData(self.currentIndex) or "") != before:
            self._onIndex(self.currentIndex)

    def _onIndex(self, _index):
        if not self._filling:
            self.currentNodeChanged.emit(self.currentNode())

    nodeTypes = Property(
        "QStringList", lambda self: self._nodeTypes, lambda self, names: setattr(self, "_nodeTypes", names)
    )
    showChildNodeTypes = Property(bool, lambda self: False, lambda self, value: None)
    addEnabled = Property(bool, lambda self: False, lambda self, value: None)
    removeEnabled = Property(bool, lambda self: False, lambda self, value: None)
    renameEnabled = Property(bool, lambda self: False, lambda self, value: None)
    noneEnabled = Property(bool, lambda self: True, lambda self, value: None)
