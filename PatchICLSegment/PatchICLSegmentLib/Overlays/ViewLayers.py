"""Layers of the slice views: shown in every view, and what the user had there is put back."""

from ..SceneIO.Nodes import nodesOfClass, removeWithDisplay

_FIRST_ADDITIONAL_LAYER = 3  # After background, foreground and label.
_FOREGROUND_ROLE = "PatchICL.ForegroundBefore"
_OPACITY_ATTRIBUTE = "PatchICL.ForegroundOpacityBefore"


class ViewLayers:
    """Foreground and additional layers of all slice views of a scene.

    The user's foreground is remembered on the composite nodes themselves, so that it comes back even after the scene
    was saved with our layer shown.
    """

    def __init__(self, scene):
        self.scene = scene

    def showForeground(self, volumeNode, opacity: float) -> None:
        for layers in self._composites():
            if layers.GetForegroundVolumeID() != volumeNode.GetID():
                if layers.GetAttribute(_OPACITY_ATTRIBUTE) is None:
                    layers.SetNodeReferenceID(_FOREGROUND_ROLE, layers.GetForegroundVolumeID())
                    layers.SetAttribute(_OPACITY_ATTRIBUTE, repr(layers.GetForegroundOpacity()))
                layers.SetForegroundVolumeID(volumeNode.GetID())
            layers.SetForegroundOpacity(opacity)

    def restoreForeground(self, volumeNode) -> None:
        """Puts the former foreground back where `volumeNode` is shown; a choice the user made since then stays."""
        for layers in self._composites():
            before = layers.GetAttribute(_OPACITY_ATTRIBUTE)
            if before is None:
                continue
            if layers.GetForegroundVolumeID() in (None, volumeNode.GetID()):
                layers.SetForegroundVolumeID(layers.GetNodeReferenceID(_FOREGROUND_ROLE))
                layers.SetForegroundOpacity(float(before))
            layers.SetNodeReferenceID(_FOREGROUND_ROLE, None)
            layers.RemoveAttribute(_OPACITY_ATTRIBUTE)

    def showAdditional(self, volumeNode, opacity: float) -> None:
        """Blends a volume above the three ordinary layers, in the first additional layer that is free."""
        for layers in self._composites():
            index = self._indexOf(layers, volumeNode)
            if index is None:
                index = _FIRST_ADDITIONAL_LAYER
                while layers.GetNthLayerVolumeID(index):
                    index += 1
                layers.SetNthLayerVolumeID(index, volumeNode.GetID())
            layers.SetNthLayerOpacity(index, opacity)

    def hideAdditional(self, volumeNode) -> None:
        for layers in self._composites():
            index = self._indexOf(layers, volumeNode)
            if index is not None:
                layers.SetNthLayerVolumeID(index, None)

    def removeAdditional(self, volumeNode) -> None:
        """Takes a layer from the views, and its volume and colors from the scene."""
        self.hideAdditional(volumeNode)
        color = volumeNode.GetDisplayNode().GetColorNode()
        removeWithDisplay(volumeNode)
        self.scene.RemoveNode(color)

    def color(self, volumeNode, points):
        """Gives a volume colors of its own, between values and their (red, green, blue); returns its display node."""
        node = self.scene.AddNewNodeByClass("vtkMRMLProceduralColorNode", f"{volumeNode.GetName()} color")
        for value, rgb in points:
            node.GetColorTransferFunction().AddRGBPoint(value, *rgb)
        display = volumeNode.GetDisplayNode()
        display.SetAndObserveColorNodeID(node.GetID())
        display.SetInterpolate(0)
        return display

    @staticmethod
    def _indexOf(layers, volumeNode) -> int | None:
        last = _FIRST_ADDITIONAL_LAYER + layers.GetNumberOfAdditionalLayers()
        for index in range(_FIRST_ADDITIONAL_LAYER, last):
            if layers.GetNthLayerVolumeID(index) == volumeNode.GetID():
                return index
        return None

    def _composites(self):
        return nodesOfClass(self.scene, "vtkMRMLSliceCompositeNode")
