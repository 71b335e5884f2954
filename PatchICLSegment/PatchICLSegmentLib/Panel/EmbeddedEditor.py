"""Hosting Slicer's Segment Editor widget: when it may work on a segmentation, and when it must let go of it."""

from slicer.util import VTKObservationMixin

from ..SceneIO.Segments import segmentIds

# The effect for those who work in Slicer's own Segment Editor; here the panel offers the same.
_OWN_EFFECT = "PatchICL"


class EmbeddedEditor(VTKObservationMixin):
    """Follows module and scene as Slicer's own Segment Editor module does.

    The widget draws brushes on the slice views. Views change while a scene is closed, so a widget that still observes
    them, or still has a segmentation, ends the application.

    Args:
        widget: a qMRMLSegmentEditorWidget.
        logic: its `moduleEditorNode`, `segmentationNode` and `volumeNode` are what the widget shall work on.
    """

    def __init__(self, widget, logic):
        VTKObservationMixin.__init__(self)
        self.widget, self.logic = widget, logic
        self.isEntered = False
        self._segmentId = ""  # of a scene that has just come: the widget takes the first segment instead
        # The node comes first: setting it later would reset segmentation and volume.
        widget.setMRMLSegmentEditorNode(logic.moduleEditorNode)
        widget.setMRMLScene(logic.scene)
        widget.setMaximumNumberOfUndoStates(10)
        self._updateEffects()
        self.addObserver(logic.scene, logic.scene.StartCloseEvent, self._onStartClose)
        self.addObserver(logic.scene, logic.scene.StartImportEvent, self._onStartImport)

    def enter(self) -> None:
        """The module is shown: keys and mouse belong to the widget."""
        self.isEntered = True
        self._updateEffects()
        self.widget.installKeyboardShortcuts()
        self.rest()

    def exit(self) -> None:
        """Another module is shown. The segmentation stays, and with it what can be undone."""
        self.isEntered = False
        self._freeViews()
        self.widget.uninstallKeyboardShortcuts()

    def stop(self) -> None:
        """The module is closed or reloaded; the widget may outlive it for a while."""
        self.exit()
        self.removeObservers()
        self.widget.setMRMLSegmentEditorNode(None)

    def connect(self) -> None:
        """Works on what the logic says, after the scene was closed or loaded; nothing while another module is shown."""
        if self.isEntered:
            self.widget.setMRMLSegmentEditorNode(self.logic.moduleEditorNode)
            self.takeOver()
            self.show()
            self.widget.updateWidgetFromMRML()

    def sceneCame(self) -> None:
        """A scene was closed or loaded. What the widget makes of that is not over yet, see `rest`."""
        self._segmentId = self.logic.segmentId
        self.connect()

    def rest(self) -> None:
        """As `connect`, once the widget has done all that it does by itself when a scene has come."""
        self.connect()
        if self.isEntered:
            self._segmentId = ""

    def takeOver(self) -> None:
        """The user works here, and no more in another Segment Editor: on what was worked on there."""
        logic, node = self.logic, self.logic.moduleEditorNode
        if logic.undoKeeper is not self.widget or logic.editorNode is not node:
            segmentId = logic.segmentId
            logic.useEditor(node, self.widget)
            logic.select(logic.volumeNode, logic.segmentationNode, segmentId or None)

    def show(self) -> None:
        """Works on the nodes of the logic."""
        if not self.isEntered:
            return
        node, segmentId = self.logic.segmentationNode, self._segmentId or self.logic.segmentId
        self.widget.setSegmentationNode(node)
        if node is not None:  # Without one the widget refuses a volume.
            self.widget.setSourceVolumeNode(self.logic.volumeNode)
            if segmentId in segmentIds(node):
                self.widget.setCurrentSegmentID(segmentId)

    def _updateEffects(self) -> None:
        """Shows all effects but our own, those also that were registered after the widget was made."""
        self.widget.updateEffectList()
        names = dict.fromkeys((*self.widget.effectNameOrder(), *self.widget.availableEffectNames()))
        names.pop(_OWN_EFFECT, None)
        self.widget.setEffectNameOrder(list(names))
        self.widget.setProperty("unorderedEffectsVisible", False)

    def _freeViews(self) -> None:
        self.widget.setActiveEffect(None)
        self.widget.removeViewObservations()

    def _onStartClose(self, _caller, _event) -> None:
        self.widget.setActiveEffect(None)
        self.widget.setSegmentationNode(None)
        self.widget.removeViewObservations()

    def _onStartImport(self, _caller, _event) -> None:
        """The views of the scene that comes replace those that a brush is drawn on."""
        self._freeViews()
