"""The patches of one slice in the slice views: one volume, color and additional layer per level of the cascade."""

import numpy as np

from ..SceneIO.Nodes import nodesOfClass
from ..SceneIO.Volumes import addVolume, gridOfVolume
from ..Translation import _
from .PatchOutlines import drawBoxes, levelColor, outlineScale
from .ViewLayers import ViewLayers

_LEVEL_ATTRIBUTE = "PatchICL.Level"


class PatchLayers:
    """Outlines of the target patches of a slice (solid) and of the context patches they drew on (dashed)."""

    def __init__(self, scene):
        self.scene = scene
        self.layers = ViewLayers(scene)

    def show(self, volumeNode, axis: int, selections, opacity: float, onlyLevel: int | None = None) -> None:
        """Shows the levels of one `SliceSelections`; the others are hidden.

        Args:
            selections: has `slice_index` and `levels`, each with `patches` and `context_patches`.
            onlyLevel: index of the level to show, None for all.
        """
        nodes = self.nodes()
        for level, selection in enumerate(selections.levels):
            if onlyLevel not in (None, level):
                continue
            node = self._filled(nodes.get(level), volumeNode, axis, level, selection, selections.slice_index)
            self.layers.showAdditional(node, opacity)
        for level, node in nodes.items():
            if level >= len(selections.levels) or onlyLevel not in (None, level):
                self.layers.hideAdditional(node)

    def hide(self) -> None:
        """Takes the layers from the views and their volumes from the scene."""
        for node in self.nodes().values():
            self.layers.removeAdditional(node)

    def nodes(self) -> dict[int, object]:
        """Volumes of the layers by level."""
        volumes = nodesOfClass(self.scene, "vtkMRMLScalarVolumeNode")
        levels = ((node.GetAttribute(_LEVEL_ATTRIBUTE), node) for node in volumes)
        return {int(level): node for level, node in levels if level}

    def _filled(self, node, volumeNode, axis, level, selection, sliceIndex):
        pixels, offset, scale = levelPixels(gridOfVolume(volumeNode).shape, axis, selection, sliceIndex)
        title = _("PatchICL level {number} patches").format(number=level + 1)
        node = addVolume(self.scene, pixels, volumeNode, title, offset=offset, scale=scale, node=node)
        if not node.GetAttribute(_LEVEL_ATTRIBUTE):
            node.SetAttribute(_LEVEL_ATTRIBUTE, str(level))
            self._style(node, level)
        return node

    def _style(self, node, level: int) -> None:
        display = self.layers.color(node, ((value, levelColor(level)) for value in (0.0, 1.0)))
        display.SetAutoThreshold(0)
        # In whole numbers: thresholds are cast to the type of the voxels, and 0.5 would become 0.
        display.SetThreshold(1, 255)
        display.SetApplyThreshold(1)


def levelPixels(shape, axis: int, selection, sliceIndex: int):
    """Outlines of one level as a block of thin slices: uint8 (K, J, I), its offset in voxels and its scale, (k, j, i).

    The block reaches from the first to the last slice that has a target or a context patch.
    """
    rows, columns = (count for other, count in enumerate(shape) if other != axis)
    fine = outlineScale(rows, columns)
    indices = [sliceIndex, *(box.slice_index for box in selection.context_patches)]
    first, last = min(indices), max(indices)
    block = np.zeros((last - first + 1, rows * fine, columns * fine), np.uint8)
    for index in range(first, last + 1):
        context = [box for box in selection.context_patches if box.slice_index == index]
        drawBoxes(block[index - first], context, (fine, fine), dashed=True)
    drawBoxes(block[sliceIndex - first], selection.patches, (fine, fine), dashed=False)
    offset, scale = [0, 0, 0], [fine, fine, fine]
    offset[axis], scale[axis] = first, 1
    return np.ascontiguousarray(np.moveaxis(block, 0, axis)), tuple(offset), tuple(scale)
