"""The result of the last run in the scene: entropy volume, tables, plot, report and selections."""

from collections.abc import Mapping
from typing import Any

import slicer

from PatchICLLib.propagation.result.packed_selections import PackedSelections

from .Parameters import ParameterNode
from .Preview import Preview
from .Provenance import StoredText, describeRun, storeReport, storeText
from .SceneIO.Nodes import removeWithDisplay
from .SceneIO.Volumes import AXIS_NAMES, VolumeGrid, gridOfVolume
from .Translation import _
from .Uncertainty import SliceUncertainty, UncertaintyPlot, storeEntropy, uncertaintyOfSlices


class Results:
    """Nodes of a result. They are found by roles on the parameter node, which is saved with the scene."""

    ENTROPY, REPORT, SELECTIONS, VOLUME = "Entropy", "Report", "Selections", "ResultVolume"
    ROLES = (
        ENTROPY,
        REPORT,
        SELECTIONS,
        UncertaintyPlot.CHART,
        UncertaintyPlot.LINE,
        UncertaintyPlot.POINTS,
        UncertaintyPlot.LINE_TABLE,
        UncertaintyPlot.POINT_TABLE,
    )

    def __init__(self, scene, parameterNode: ParameterNode):
        self.scene = scene
        self.parameterNode = parameterNode
        self.plot = UncertaintyPlot(scene, parameterNode)
        self._report = StoredText()
        self._selections = StoredText(PackedSelections.unpacked)

    def store(self, result, preview: Preview, facts: Mapping[str, Any]) -> None:
        """Puts the PropagationResult of a preview into the scene, in the place of the one before.

        `facts` are about the run, plain JSON, to be kept with its report.
        """
        parameterNode, volumeNode = self.parameterNode, preview.volumeNode
        run = describeRun({**result.report, **facts}, volumeNode, preview.segmentationNode, preview.basis)
        parameterNode.setReference(self.VOLUME, volumeNode)
        parameterNode.setReference(self.REPORT, storeReport(self.scene, run, self.reportNode))
        if result.entropy is not None:
            node = storeEntropy(self.scene, result.entropy, volumeNode, result.box, self.entropyNode)
            parameterNode.setReference(self.ENTROPY, node)
        selections = PackedSelections.pack(result.selections or ())
        node = parameterNode.reference(self.SELECTIONS)
        node = storeText(self.scene, _("PatchICL selections"), selections.packed, node)
        parameterNode.setReference(self.SELECTIONS, node)
        grid = gridOfVolume(volumeNode)
        axis = AXIS_NAMES.index(run["axis"])
        painted = {index for indices in run["painted_slices"].values() for index in indices}
        axisTitle = _("Slice along {axis}").format(axis=run["axis"])
        self.plot.update(uncertaintyOfSlices(run, grid, axis), painted, axisTitle)
        self._file(volumeNode)
        preview.reportNode = self.reportNode

    def clear(self) -> None:
        """Removes the nodes of the result from the scene."""
        for role in self.ROLES:
            node = self.parameterNode.reference(role)
            if node is not None and node.IsA("vtkMRMLDisplayableNode"):
                removeWithDisplay(node)
            elif node is not None:
                self.scene.RemoveNode(node)

    @property
    def reportNode(self):
        return self.parameterNode.reference(self.REPORT)

    @property
    def entropyNode(self):
        return self.parameterNode.reference(self.ENTROPY)

    @property
    def chartNode(self):
        return self.parameterNode.reference(UncertaintyPlot.CHART)

    @property
    def volumeNode(self):
        return self.parameterNode.reference(self.VOLUME)

    @property
    def run(self) -> dict[str, Any] | None:
        """The report of the last run, None before the first."""
        return self._report.of(self.reportNode)

    @property
    def axis(self) -> int | None:
        """Array axis of the slices of the last run."""
        run = self.run
        return AXIS_NAMES.index(run["axis"]) if run else None

    @property
    def selections(self) -> PackedSelections | None:
        """Patches of all slices of the last run, None before the first."""
        return self._selections.of(self.parameterNode.reference(self.SELECTIONS))

    def uncertainty(self, grid: VolumeGrid, label: int | None = None) -> list[SliceUncertainty]:
        run = self.run
        return uncertaintyOfSlices(run, grid, self.axis, label) if run else []

    def labelOf(self, segmentId: str) -> int | None:
        """The label that a segment had in the last run, None if it took no part."""
        segments = (self.run or {}).get("segments", {})
        return next((int(label) for label, entry in segments.items() if entry["id"] == segmentId), None)

    def _file(self, volumeNode) -> None:
        """Groups the nodes in a folder of the subject hierarchy."""
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self.scene)
        name = _("PatchICL results of {volume}").format(volume=volumeNode.GetName())
        folder = hierarchy.GetItemChildWithName(hierarchy.GetSceneItemID(), name)
        if not folder:
            folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), name)
        for role in self.ROLES:
            node = self.parameterNode.reference(role)
            item = hierarchy.GetItemByDataNode(node) if node is not None else 0
            if item:
                hierarchy.SetItemParent(item, folder)
