"""Which slices of a preview were filled in one by one, layer by layer."""

from collections.abc import Iterable

FILLED_ATTRIBUTE = "PatchICL.FilledSlices"


class FilledSlices:
    """Kept in an attribute of the preview's node: layers apart by semicolons, their slices by commas."""

    def __init__(self, node):
        self.node = node

    def of(self, layer: int) -> set[int]:
        layers = self._layers()
        return layers[layer] if layer < len(layers) else set()

    def ofAny(self) -> tuple[int, ...]:
        """Slices filled in in any layer, ascending."""
        return tuple(sorted(set().union(*self._layers())))

    def add(self, layer: int, indices: Iterable[int]) -> None:
        layers = self._layers()
        layers += [set() for _missing in range(len(layers), layer + 1)]
        layers[layer].update(indices)
        text = ";".join(",".join(str(index) for index in sorted(filled)) for filled in layers)
        # Views look up a node that says it was modified; nothing that they show has changed.
        self.node.DisableModifiedEventOn()
        self.node.SetAttribute(FILLED_ATTRIBUTE, text)
        self.node.DisableModifiedEventOff()

    def _layers(self) -> list[set[int]]:
        text = self.node.GetAttribute(FILLED_ATTRIBUTE) or ""
        return [{int(index) for index in layer.split(",") if index} for layer in text.split(";")]
