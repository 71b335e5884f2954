"""Where a story takes place inside the Slicer application."""

import numpy as np
import slicer
import slicer.util


class SlicerSurroundings:
    """The story inside the Slicer application: its own Paint effect, a simulated mouse on its three slice views.

    Args: editor: the Segment Editor widget whose effect paints.
    """

    def __init__(self, showText, editor):
        self.show, self.editor = showText, editor
        slicer.app.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)

    def processEvents(self) -> None:
        slicer.app.processEvents()

    def drag(self, sliceNode, start, end, radius: float, sphere: bool) -> None:
        view = slicer.app.layoutManager().sliceWidget(sliceNode.GetLayoutName())
        effect = self.editor.activeEffect()
        effect.setCommonParameter("BrushDiameterIsRelative", 0)
        effect.setCommonParameter("BrushAbsoluteDiameter", 2 * radius)
        effect.setCommonParameter("BrushSphere", int(sphere))
        toView = np.linalg.inv(slicer.util.arrayFromVTKMatrix(sliceNode.GetXYToRAS()))
        points = [tuple(int(round(value)) for value in (toView @ [*point, 1])[:2]) for point in (start, end)]
        slicer.util.clickAndDrag(view, start=points[0], end=points[1], steps=8)

    def reload(self, path: str) -> None:
        if not slicer.util.saveScene(path):
            raise AssertionError(f"the scene could not be saved to {path}")
        slicer.mrmlScene.Clear(False)
        slicer.util.loadScene(path)


def playInSlicer(story, showText, **options) -> None:
    """Plays a story of the panel, a class, in the module."""
    slicer.util.selectModule("PatchICLSegment")
    panel = slicer.modules.PatchICLSegmentWidget.panel
    story(panel, SlicerSurroundings(showText, panel.ui.segmentEditor), **options).run()
