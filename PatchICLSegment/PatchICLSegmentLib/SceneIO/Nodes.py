"""Nodes of a scene: found by their class, and removed with what displays them."""


def nodesOfClass(scene, className: str) -> list:
    return [scene.GetNthNodeByClass(number, className) for number in range(scene.GetNumberOfNodesByClass(className))]


def removeWithDisplay(node) -> None:
    """Removes a displayable node together with its display nodes: Slicer may take them along, or leave them behind."""
    scene = node.GetScene()
    if scene is None:
        return
    displayNodes = [node.GetNthDisplayNode(number) for number in range(node.GetNumberOfDisplayNodes())]
    for removed in (node, *displayNodes):
        if removed is not None and scene.IsNodePresent(removed):
            scene.RemoveNode(removed)
