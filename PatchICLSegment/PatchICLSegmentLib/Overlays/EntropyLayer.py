"""The entropy over the slices: transparent where the model is certain, warmer where it is not."""

import slicer

from ..SceneIO.SliceViews import alignedAxis, sliceNodes
from ..SceneIO.Volumes import gridOfVolume
from .ViewLayers import ViewLayers

COLOR_POINTS = (
    (0.0, (0.25, 0.05, 0.35)),
    (0.35, (0.65, 0.10, 0.45)),
    (0.65, (0.98, 0.45, 0.15)),
    (1.0, (1.0, 0.95, 0.55)),
)
# Of the view, width and height; the default of 0.15 x 0.5 covers anatomy.
LEGEND_SIZE, LEGEND_FONT_SIZE = (0.08, 0.4), 10
_COLOR_NODE_NAME = "PatchICL entropy colors"


class EntropyLayer:
    """Shows an entropy volume (bits, 0-1) as the foreground of all slice views, with a color bar in one of them."""

    def __init__(self, scene):
        self.scene = scene
        self.layers = ViewLayers(scene)

    def show(self, volumeNode, opacity: float, threshold: float, axis: int) -> None:
        """Args: opacity of the layer 0-1; below `threshold` (bits) the layer is transparent; axis of the slices."""
        display = volumeNode.GetDisplayNode()
        display.SetAndObserveColorNodeID(self._colorNode().GetID())
        display.SetAutoThreshold(0)
        display.SetThreshold(max(threshold, 1e-6), 10.0)
        display.SetApplyThreshold(1)
        self.layers.showForeground(volumeNode, opacity)
        legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(volumeNode)
        if legend is not None:
            legend.SetTitleText("PatchICL\n[bits]")
            legend.SetLabelFormat("%.1f")
            legend.SetNumberOfLabels(3)
            legend.SetSize(*LEGEND_SIZE)
            for text in (legend.GetTitleTextProperty(), legend.GetLabelTextProperty()):
                text.SetFontSize(LEGEND_FONT_SIZE)
            legend.SetViewNodeIDs([view.GetID() for view in self._viewsByUse(volumeNode, axis)[:1]])
            legend.SetVisibility(True)

    def hide(self, volumeNode) -> None:
        self.layers.restoreForeground(volumeNode)
        legend = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(volumeNode)
        if legend is not None:
            legend.SetVisibility(False)

    def _viewsByUse(self, volumeNode, axis: int) -> list:
        """Slice nodes, first those in the layout, and of these the ones that show slices of the axis."""
        grid = gridOfVolume(volumeNode)
        return sorted(
            sliceNodes(self.scene), key=lambda node: (not node.IsMappedInLayout(), alignedAxis(node, grid) != axis)
        )

    def _colorNode(self):
        node = self.scene.GetFirstNode(_COLOR_NODE_NAME, "vtkMRMLProceduralColorNode")
        if node is None:
            node = self.scene.AddNewNodeByClass("vtkMRMLProceduralColorNode", _COLOR_NODE_NAME)
            function = node.GetColorTransferFunction()
            for value, color in COLOR_POINTS:
                function.AddRGBPoint(value, *color)
        return node
