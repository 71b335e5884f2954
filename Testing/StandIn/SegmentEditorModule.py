"""Slicer's Segment Editor module: a host of the editor widget with its own parameter node, as SegmentEditor.py is."""

import slicer
from slicer.util import VTKObservationMixin

from .SegmentEditorWidget import SegmentEditorWidget


class SegmentEditorModule(VTKObservationMixin):
    """Attributes: editor: the widget; isEntered: whether the module is shown."""

    def __init__(self, scene):
        VTKObservationMixin.__init__(self)
        self.scene, self.isEntered, self.parameterSetNode = scene, False, None
        self.editor = SegmentEditorWidget()
        self.editor.setMaximumNumberOfUndoStates(10)
        self._selectParameterNode()
        self.editor.setMRMLScene(scene)
        self._factory = slicer.qSlicerSegmentEditorEffectFactory.instance()
        self._factory.connect("effectRegistered(QString)", self._onEffectRegistered)
        self.addObserver(scene, scene.StartCloseEvent, self._onStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self._onSceneCame)
        self.addObserver(scene, scene.EndImportEvent, self._onSceneCame)

    def enter(self):
        self.isEntered = True
        self.editor.installKeyboardShortcuts()
        self._selectParameterNode()
        self.editor.updateWidgetFromMRML()

    def exit(self):
        self.isEntered = False
        self.editor.setActiveEffect(None)
        self.editor.uninstallKeyboardShortcuts()
        self.editor.removeViewObservations()

    def cleanup(self):
        self.removeObservers()
        self.editor.cleanup()

    def _onEffectRegistered(self, _name):
        self.editor.updateEffectList()

    def _selectParameterNode(self):
        node = self.scene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
        if node is None:
            node = self.scene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
            node.UnRegister(None)
            node.SetSingletonTag("SegmentEditor")
            node = self.scene.AddNode(node)
        if node is not self.parameterSetNode:
            self.parameterSetNode = node
            self.editor.setMRMLSegmentEditorNode(node)

    def _onStartClose(self, _caller, _event):
        self.parameterSetNode = None
        self.editor.setSegmentationNode(None)
        self.editor.removeViewObservations()

    def _onSceneCame(self, _caller, _event):
        if self.isEntered:
            self._selectParameterNode()
            self.editor.updateWidgetFromMRML()
