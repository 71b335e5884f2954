"""What is being worked on: volume, segmentation and segment, remembered in the scene."""

from .EditableArea import EditableArea
from .Errors import SceneError
from .Painting import Painting, readPainting
from .Parameters import ParameterNode, Parameters
from .Protocols import UndoKeeper
from .Remedies import Remedies
from .SceneIO.PaintedSlices import Shown
from .SceneIO.Regions import addRegion, fitRegion, spansOfRegion
from .SceneIO.Segments import addSegmentation, segmentIds
from .SceneIO.SegmentWriter import SegmentHistory, SegmentWriter
from .SceneIO.Volumes import gridOfVolume
from .Signal import Signal
from .Translation import _

FIRST_SEGMENT_COLOR = (0.31, 0.73, 0.44)


class Selection:
    """The selected nodes and the parameters, in the module's parameter node and its own segment editor node.

    Attributes:
        parameterNode: of the scene; replaced when the scene is.
        remedies: what can be done about what keeps the user from propagating.
        paintingChanged: another segment is selected, or the selected one was painted on.
    """

    def __init__(self, scene, undoKeeper: UndoKeeper | None = None):
        self.scene = scene
        self.undoKeeper = undoKeeper
        self._editorNode = None  # of the Segment Editor that is used instead of the module's own
        self._histories: dict[str, SegmentHistory] = {}
        self.parameterNode = ParameterNode.ofScene(scene)
        self.remedies = Remedies(self)
        self.paintingChanged = Signal()

    @property
    def parameters(self) -> Parameters:
        return self.parameterNode.read()

    @parameters.setter
    def parameters(self, parameters: Parameters) -> None:
        self.parameterNode.write(parameters)

    @property
    def editorNode(self):
        """Of the Segment Editor that somebody works with: its segment, masking and overwrite mode hold."""
        return self._editorNode or self.moduleEditorNode

    def useEditor(self, editorNode, undoKeeper: UndoKeeper) -> None:
        """Somebody works with this Segment Editor from now on; what is selected is not changed by that."""
        self._editorNode, self.undoKeeper = editorNode, undoKeeper

    def leaveEditor(self, undoKeeper: UndoKeeper) -> None:
        """The Segment Editor with this undo is closed; what is selected stays so."""
        if self.undoKeeper is undoKeeper:
            segmentId, self._editorNode, self.undoKeeper = self.segmentId, None, None
            self.select(self.volumeNode, self.segmentationNode, segmentId)

    @property
    def moduleEditorNode(self):
        """The module's own segment editor node, so that the Segment Editor module keeps its own choices."""
        node = self.scene.GetSingletonNode(ParameterNode.MODULE_NAME, "vtkMRMLSegmentEditorNode")
        if node is None:
            node = self.scene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
            node.UnRegister(None)
            node.SetSingletonTag(ParameterNode.MODULE_NAME)
            node = self.scene.AddNode(node)
        return node

    @property
    def volumeNode(self):
        return self.parameterNode.reference("Volume")

    @property
    def segmentationNode(self):
        return self.parameterNode.reference("Segmentation")

    @property
    def regionNode(self):
        """The region of interest that limits what is filled, or None."""
        return self.parameterNode.reference("Region")

    @regionNode.setter
    def regionNode(self, node) -> None:
        self.parameterNode.setReference("Region", node)

    @property
    def allowsOverlap(self) -> bool:
        """Whether the Segment Editor leaves other segments as they are ("Modify other segments": "Allow overlap")."""
        return self.editorNode.GetOverwriteMode() == self.editorNode.OverwriteNone

    @property
    def editableArea(self) -> EditableArea:
        """Where the Segment Editor and the parameters let segments be."""
        return EditableArea.of(self.editorNode, self.parameters)

    def otherSegmentsTold(self) -> str:
        """What a run would be told of other segments, in a few words; "" where they say nothing."""
        node = self.segmentationNode
        if node is None:
            return ""
        isAll = self.parameters.scope == "visible"
        return self.editableArea.told(node, segmentIds(node, onlyVisible=True) if isAll else [self.segmentId])

    def regionSpans(self):
        """First and last voxel of the region along k, j, i, None where there is none."""
        if self.regionNode is None or self.volumeNode is None:
            return None
        return spansOfRegion(self.regionNode, gridOfVolume(self.volumeNode))

    def fitRegion(self) -> None:
        """Puts the region, added when missing, around the painted slices.

        Raises:
            SceneError: nothing is painted.
        """
        painting = self.currentPainting()
        if painting is None or painting.axis is None:
            raise SceneError(_("Nothing is painted yet to put a region around."))
        if self.regionNode is None:
            self.regionNode = addRegion(self.scene, _("PatchICL region"))
        fitRegion(self.regionNode, gridOfVolume(self.volumeNode), painting.box, painting.axis)

    @property
    def segmentId(self) -> str:
        return self.editorNode.GetSelectedSegmentID() or ""

    def select(self, volumeNode, segmentationNode, segmentId: str | None = None) -> None:
        """Chooses what to work on. Without a segment identifier the selection stays, or becomes the first segment."""
        self.parameterNode.setReference("Volume", volumeNode)
        self.parameterNode.setReference("Segmentation", segmentationNode)
        self.editorNode.SetAndObserveSourceVolumeNode(volumeNode)
        self.editorNode.SetAndObserveSegmentationNode(segmentationNode)
        identifiers = segmentIds(segmentationNode) if segmentationNode is not None else []
        if segmentId is None:
            segmentId = self.segmentId if self.segmentId in identifiers else next(iter(identifiers), "")
        self.editorNode.SetSelectedSegmentID(segmentId)
        self.paintingChanged.emit()

    def deselect(self, node) -> None:
        """A node is about to leave the scene."""
        self._histories.pop(node.GetID(), None)
        if node is self._editorNode:
            self._editorNode = None
        volumeNode, segmentationNode = self.volumeNode, self.segmentationNode
        if node in (volumeNode, segmentationNode):
            self.select(*(None if node is selected else selected for selected in (volumeNode, segmentationNode)))

    def createSegmentation(self):
        """Adds a segmentation with one segment on the grid of the selected volume, and selects it."""
        volumeNode = self.volumeNode
        gridOfVolume(volumeNode)
        name = _("{volume} segmentation").format(volume=volumeNode.GetName())
        node = addSegmentation(volumeNode, self.scene.GenerateUniqueName(name))
        segmentId = node.GetSegmentation().AddEmptySegment("", _("Structure"))
        node.GetSegmentation().GetSegment(segmentId).SetColor(*FIRST_SEGMENT_COLOR)
        self.select(volumeNode, node, segmentId)
        return node

    def currentPainting(self) -> Painting | None:
        """Painted slices of the selected segment, None where no segment or no usable volume is selected."""
        segmentationNode = self.segmentationNode
        if self.volumeNode is None or segmentationNode is None:
            return None
        if segmentationNode.GetSegmentation().GetSegment(self.segmentId) is None:
            return None
        useAllSlices = self.parameters.useAllSlices
        shown = self.shown(self.segmentId)
        return readPainting(segmentationNode, self.segmentId, self.volumeNode, useAllSlices, shown)

    def shown(self, segmentId: str) -> Shown | None:
        """What is proposed for a segment of the selected segmentation, if anything is."""
        raise NotImplementedError

    def writer(self) -> SegmentWriter:
        return SegmentWriter(self.scene, self.editorNode, self.undoKeeper or self.history())

    def history(self) -> SegmentHistory:
        """Undo states of the selected segmentation, where no Segment Editor widget keeps them.

        Raises:
            SceneError: none is selected.
        """
        node = self.segmentationNode
        if node is None:
            raise SceneError(_("Select a segmentation first."))
        if node.GetID() not in self._histories:
            self._histories[node.GetID()] = SegmentHistory(node)
        return self._histories[node.GetID()]
