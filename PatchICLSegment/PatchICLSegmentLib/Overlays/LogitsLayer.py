"""The logits of one slice over the slice views: red belongs to the structure, blue does not, white is undecided."""

import numpy as np

from ..SceneIO.Nodes import nodesOfClass
from ..SceneIO.Volumes import addVolume
from ..Translation import _
from .ViewLayers import ViewLayers

LIMIT = 8.0  # logits beyond it are as certain as any
COLOR_POINTS = ((-1.0, (0.13, 0.30, 0.85)), (0.0, (0.97, 0.97, 0.97)), (1.0, (0.85, 0.12, 0.12)))
_ATTRIBUTE = "PatchICL.Logits"


class LogitsLayer:
    """One additional layer with the square that the network saw of a slice."""

    def __init__(self, scene):
        self.scene = scene
        self.layers = ViewLayers(scene)

    def show(self, volumeNode, axis: int, logits, values: np.ndarray, opacity: float) -> None:
        """Args: logits: a `SliceLogits`, for its place; values: (S, S) of one of its levels."""
        pixels = np.expand_dims(values, axis)
        offset, scale = [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]
        offset[axis] = logits.slice_index
        for other, corner, size in zip(
            (other for other in range(3) if other != axis), logits.corner, logits.size, strict=True
        ):
            offset[other] = corner + 0.5
            scale[other] = pixels.shape[other] / size
        node = addVolume(
            self.scene, pixels, volumeNode, _("PatchICL logits"), offset=offset, scale=scale, node=self.node()
        )
        if node.GetAttribute(_ATTRIBUTE) is None:
            node.SetAttribute(_ATTRIBUTE, "1")
            display = self.layers.color(node, ((place * LIMIT, rgb) for place, rgb in COLOR_POINTS))
            display.SetWindowLevel(2 * LIMIT, 0.0)
        self.layers.showAdditional(node, opacity)

    def hide(self) -> None:
        node = self.node()
        if node is not None:
            self.layers.removeAdditional(node)

    def node(self):
        """The volume of the layer, None while it is not shown."""
        volumes = nodesOfClass(self.scene, "vtkMRMLScalarVolumeNode")
        return next((node for node in volumes if node.GetAttribute(_ATTRIBUTE)), None)
