"""A whole session at the panel, as the tutorial tells it.

With the network in its worker process it runs in test_extension_package.py.
"""

import numpy as np
import pytest

pytest.importorskip("PySide6", reason="needs PySide6-Essentials")

from PatchICLSegmentLib.PlanesStory import PlanesStory
from PatchICLSegmentLib.SceneIO.SliceViews import jumpToSlice
from PatchICLSegmentLib.Story import Story, strokes

from Testing.StandIn.Desk import Desk
from Testing.StandIn.Headless import SliceView
from Testing.StandIn.Worker import NearestSliceWorker


@pytest.mark.slow
def testStoryWithASphereWhereTheStructureIsNotOnTheSuggestedSlice(desk, monkeypatch):
    """A sphere reaches into neighboring slices. A person says that it is not here; strokes would leave nothing."""
    makeResult = NearestSliceWorker._result

    def resultThatAsksForAnEmptySlice(*arguments):
        result = makeResult(*arguments)
        result.report["suggested_next_slice"] = 0
        return result

    monkeypatch.setattr(NearestSliceWorker, "_result", resultThatAsksForAnEmptySlice)
    story = Story(desk.panel, desk, sphere=True)
    story.run()
    assert story.suggested == 0 and story.painted[0] is False
    assert len(story.painted) > 4


@pytest.mark.slow
def testStory(desk):
    Story(desk.panel, desk).run()


@pytest.fixture
def wideDesk(application, qtApplication):
    """The panel beside three views, as in Slicer's four-up layout."""
    names = {"Red": "Axial", "Green": "Coronal", "Yellow": "Sagittal"}
    views = [SliceView(application, name, orientation, (320, 320)) for name, orientation in names.items()]
    desk = Desk(application, qtApplication, views=views)
    yield desk
    desk.close()


@pytest.mark.slow
def testStoryOfPlanes(wideDesk):
    PlanesStory(wideDesk.panel, wideDesk, leastDice=0.2).run()


def testTheViewInHandDecidesWhereASliceIsDeclared(wideDesk):
    """The view that was scrolled or jumped to last; the one under the mouse before all others."""
    desk, logic = wideDesk.openPhantom(), wideDesk.logic
    desk.paintWithMouse(4, 13)
    assert logic.views.axisInHand == 0
    jumpToSlice(desk.scene, desk.volume, 1, 35)
    desk.settle()
    desk.ui.notOnSliceButton.click()
    desk.settle()
    assert [row.plane for row in logic.painting.slices()] == [(0, 4), (0, 13), (1, 35)]
    assert [desk.ui.paintedTable.item(row, 1).text() for row in range(3)] == ["k=4", "k=13", "j=35"]
    desk.ui.paintedTable.cellClicked.emit(1, 1)
    assert logic.views.planeInHand() == (0, 13)
    crosshair = desk.scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    crosshair.SetCursorPositionXYZ([100.0, 100.0, 0.0], desk.views[2].node)
    assert logic.views.axisInHand == 2
    crosshair.SetCursorPositionInvalid()
    assert logic.views.axisInHand == 0


def testStrokesCoverTheMask():
    mask = np.zeros((12, 20), bool)
    mask[3:9, 2:7] = mask[3:9, 12:18] = True
    assert strokes(mask) == [((row, first), (row, last)) for row in (3, 5, 7) for first, last in ((2, 6), (12, 17))]
