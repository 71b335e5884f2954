"""A preview that was cancelled, reloaded or saved before it was complete."""

import json

import numpy as np
import pytest
import slicer
import slicer.util
from PatchICLSegmentLib.Errors import SceneError
from PatchICLSegmentLib.State import State

from .conftest import SHAPE, begin


@pytest.fixture(params=["reload", "save"])
def unfinished(place, request, tmp_path):
    """A run was cut off after three of twelve slices: the module was reloaded, or the scene saved and loaded."""
    place.segmentation.GetSegmentation().GetSegment(place.organ).SetName('é; "a:b"')
    place.drawn = place.paint(0, [2, 15])
    begin(place, polls=4)
    if request.param == "reload":
        place.reload()
    else:
        place.saveAndLoad(tmp_path)
    return place


def testUnfinishedPreviewIsNotOfferedAsFinished(unfinished):
    logic = unfinished.logic
    assert logic.state is State.UNFINISHED and len(logic.preview.filled) == 3
    with pytest.raises(SceneError, match="did not end"):
        logic.applyPreview()
    assert logic.state is State.UNFINISHED and (unfinished.read() == unfinished.drawn).all()


def testUnfinishedPreviewIsKept(unfinished):
    logic = unfinished.logic
    filled = list(logic.preview.filled)
    logic.keepUnfinished()
    assert logic.state is State.PREVIEW
    unfinished.reload()
    logic = unfinished.logic
    assert logic.state is State.PREVIEW, "that it is wanted is remembered"
    logic.applyPreview()
    result = unfinished.read()
    assert np.flatnonzero(result.any(axis=(1, 2))).tolist() == sorted([2, 15, *filled])
    assert (result[[2, 15]] == unfinished.drawn[[2, 15]]).all()
    assert logic.history().undo() and (unfinished.read() == unfinished.drawn).all()


def testUnfinishedPreviewIsDiscarded(unfinished):
    unfinished.logic.discardPreview()
    assert unfinished.logic.state is State.IDLE and (unfinished.read() == unfinished.drawn).all()


def testUnfinishedRunGoesOn(unfinished):
    logic = unfinished.logic
    filled = list(logic.preview.filled)
    logic.select(None, None)
    logic.goOn()
    shown = logic.preview.masks()[unfinished.organ].areas(0)
    assert np.flatnonzero(shown).tolist() == sorted([2, 15, *filled]), "what is there stays in sight"
    unfinished.finish()
    assert logic.state is State.PREVIEW
    logic.applyPreview()
    result = unfinished.read()
    assert result.any(axis=(1, 2)).sum() == 14 and (result[[2, 15]] == unfinished.drawn[[2, 15]]).all()


def testKeptSlicesDoNotTakeAwayWhatWasThere(place):
    """Stopped early, a second run replaces the slices that it came to; the others stay as the first run left them."""
    place.propagate(0, [2, 15])
    place.logic.applyPreview()
    first = place.read()
    now = first.copy()
    now[8, 6:30, 6:30] = True
    place.write(now)
    begin(place, polls=4)
    done = list(place.logic.preview.filled)
    place.logic.cancel(keepPartialResult=True)
    place.logic.applyPreview()
    others = [index for index in range(SHAPE[0]) if index not in done]
    assert (place.read()[others] == now[others]).all() and (place.read()[done] != first[done]).any()


@pytest.mark.parametrize("when", ["running", "keeping", "preview"])
def testAnotherSceneIsImported(place, tmp_path, when):
    """The module's nodes are singletons; those of the other scene do not take the place of ours."""
    drawn = place.propagate(0, [2, 15])
    path = str(tmp_path / "other.mrb")
    assert place.scene.WriteToMRB(path)
    place.logic.discardPreview()
    begin(place, polls=4)
    if when == "preview":
        place.finish()
    if when == "keeping":
        place.logic.cancel(keepPartialResult=True)
    preview = place.logic.preview
    assert place.scene.ReadFromMRB(path)
    assert place.logic.preview is preview and place.logic.volumeNode is place.volume
    assert place.logic.segmentationNode is place.segmentation and place.logic.segmentId == place.organ
    place.settle()
    assert place.logic.state is State.PREVIEW
    place.logic.applyPreview()
    assert (place.read()[[2, 15]] == drawn[[2, 15]]).all() and place.read()[3].any()
    hidden = [node for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if node.GetHideFromEditors()]
    assert hidden == [], "the imported preview is a segmentation that can be seen and deleted"


def testPreviewOfAnEarlierVersionIsApplied(place):
    """It noted checksums of slices instead of voxels."""
    drawn = place.propagate(0, [2, 15])
    node = place.logic.preview.node
    content = json.loads(node.GetAttribute("PatchICL.Basis"))
    del content["held"], content["planes"]
    content["slices"] = {place.organ: {"2": "0123abcd", "15": "0123abcd"}}
    node.SetAttribute("PatchICL.Basis", json.dumps(content))
    place.reload()
    assert place.logic.state is State.PREVIEW
    place.logic.applyPreview()
    result = place.read()
    assert (result[[2, 15]] == drawn[[2, 15]]).all() and result[3:15].any(axis=(1, 2)).all()
