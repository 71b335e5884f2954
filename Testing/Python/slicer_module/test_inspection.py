"""Inspect: logits before and after each level, asked for, shown and exported; regions of interest."""

import json

import numpy as np
import pytest
import slicer
import slicer.util
from PatchICLSegmentLib.Errors import SceneError
from PatchICLSegmentLib.InspectionPictures import logitsPicture
from PatchICLSegmentLib.Parameters import Parameters
from PatchICLSegmentLib.SceneIO.SliceViews import jumpToSlice
from PatchICLSegmentLib.SceneIO.Volumes import gridOfVolume
from PatchICLSegmentLib.State import State

from PatchICLLib.propagation.result.slice_logits import LevelLogits, SliceLogits

from .conftest import SHAPE, eitherGeometry

geometry = eitherGeometry()


@pytest.fixture
def asked(workplace, view):
    """A workplace with a preview, slice 7 shown, and the logits of it asked for."""
    workplace.propagate(0, [3, 12])
    jumpToSlice(workplace.scene, workplace.volume, 0, 7)
    workplace.logic.logits.start()
    workplace.settle()
    return workplace


def testQuestionRepeatsTheRunForOneSlice(asked):
    run, question = asked.workers[0].calls
    assert question.options["logits_slices"] == [7] and question.options["labels"] == [1]
    for name in ("axis", "extent", "prior", "seed", "patch_budget", "field_of_view", "region", "context_size"):
        assert question.options[name] == run.options[name], name
    assert (question.painted == run.painted).all()
    assert asked.logic.state is State.PREVIEW, "the preview stays"
    assert asked.logic.logits.found.slice_index == 7 and not asked.logic.logits.isBusy


def testQuestionUsesTheSettingsOfTheRun(workplace, view):
    workplace.paint(0, [3, 12])
    workplace.logic.parameters = Parameters(seed=4, patchBudget=0.5)
    workplace.runToPreview()
    jumpToSlice(workplace.scene, workplace.volume, 0, 7)
    workplace.logic.parameters = Parameters(seed=9)
    workplace.logic.logits.start()
    workplace.settle()
    assert workplace.workers[0].calls[1].options["seed"] == 4
    assert workplace.workers[0].calls[1].options["patch_budget"] == 0.5


def testWhatCannotBeAskedIsSaid(workplace, view):
    logic = workplace.logic
    with pytest.raises(SceneError, match="propagate first"):
        logic.logits.start()
    workplace.propagate(0, [3, 12])
    jumpToSlice(workplace.scene, workplace.volume, 0, 3)
    with pytest.raises(SceneError, match="not predicted"):
        logic.logits.start()
    jumpToSlice(workplace.scene, workplace.volume, 0, 7)
    workplace.paint(0, [9])
    with pytest.raises(SceneError, match="painting has changed"):
        logic.logits.start()


def testFailureIsTold(workplace, view):
    workplace.propagate(0, [3, 12])
    jumpToSlice(workplace.scene, workplace.volume, 0, 7)
    workplace.workers[0].failure = "The worker ran out of memory."
    workplace.logic.logits.start()
    workplace.settle()
    assert workplace.messages == ["The worker ran out of memory."] and workplace.logic.logits.found is None
    assert workplace.logic.state is State.PREVIEW


def testPropagationGoesBeforeAQuestion(workplace, view):
    workplace.propagate(0, [3, 12])
    jumpToSlice(workplace.scene, workplace.volume, 0, 7)
    workplace.logic.logits.start()
    workplace.logic.poll()
    workplace.runToPreview()
    assert not workplace.logic.logits.isBusy and workplace.logic.logits.found is None
    assert len(workplace.workers[0].calls) == 3 and workplace.logic.state is State.PREVIEW


def testAnswerGoesWithItsResult(asked):
    asked.logic.discardPreview()
    assert asked.logic.logits.found is None


@pytest.mark.parametrize(("shown", "red"), [("after", True), ("before", False)])
def testLayerLiesOverTheSlice(asked, view, shown, red):
    """The stand-in's inner square, rows 8-15 and columns 7-15 of the slice, belongs after the last level."""
    logic = asked.logic
    logic.preview.node.GetDisplayNode().SetVisibility(False)
    asked.segmentation.GetDisplayNode().SetVisibility(False)
    level = 0 if shown == "before" else -1
    logic.parameters = Parameters(logitsShown=shown, patchOpacity=1.0, patchLevel=level)
    logic.views.updateLogits()

    def color(row, column):
        world = gridOfVolume(asked.volume).ijkToWorld @ [column, row, 7, 1]
        x, y = view.displayPosition(world[:3])
        return view.picture()[-1 - round(y), round(x)].astype(int)

    inner, outer = color(11, 11), color(4, 4)
    if red:
        assert inner[0] > inner[2] + 30 and outer[2] > outer[0] + 30
    else:
        assert abs(inner - inner.mean()).max() < 12, "undecided has no color"
    logic.parameters = Parameters(logitsShown="nothing")
    logic.views.updateLogits()
    assert logic.views.logitsLayer.node() is None


def testLayerBelongsToItsSlice(asked):
    logic = asked.logic
    logic.parameters = Parameters(logitsShown="change")
    logic.views.updateLogits()
    assert logic.views.logitsLayer.node() is not None
    jumpToSlice(asked.scene, asked.volume, 0, 8)
    logic.views.updateLogits()
    assert logic.views.logitsLayer.node() is None and logic.views.logitsOfCurrentSlice() is None


def testTilesShowSliceContextAndLogits(asked):
    logic = asked.logic
    titles = [tile.title for tile in logic.views.inspectionTiles()]
    assert titles == ["slice 7", "3: 100 %", "logits before", "after", "change, to 2.0"]
    assert len({tile.pixels.shape for tile in logic.views.inspectionTiles()}) == 1, "all on the same crop"
    logic.logits.forget()
    assert [tile.title for tile in logic.views.inspectionTiles()] == ["slice 7", "drew on 3"]
    logic.applyPreview()
    assert len(logic.views.inspectionTiles()) == 2, "after Apply the segment is shown instead of the preview"


def testLogitsAreExportedAsTheyAre(asked, tmp_path):
    written = asked.logic.views.export(tmp_path)
    names = [path.name for path in written]
    assert names[-2:] == ["patchicl_logits_slice_7_label_1.npz", "patchicl_logits_slice_7_label_1.json"]
    found = asked.logic.logits.found
    with np.load(written[-2]) as arrays:
        assert sorted(arrays) == ["level1_after", "level1_before", "level2_after", "level2_before"]
        for number, level in enumerate(found.levels, start=1):
            assert (arrays[f"level{number}_before"] == level.before).all()
            assert (arrays[f"level{number}_after"] == level.after).all()
    place = json.loads(written[-1].read_text(encoding="utf-8"))
    assert place == {
        "slice": 7,
        "label": 1,
        "corner": [3.5, 2.5],
        "size": [16.0, 18.0],
        "resolutions": [24, 64],
        "context_shares": [[0.75, 0.25], [0.75, 0.25]],
    }


def testLogitsPictureFollowsThePlace():
    values = np.array([[8.0, -8.0], [0.0, 0.0]], np.float32)
    logits = SliceLogits(0, 1, (1.5, 3.5), (4.0, 4.0), (LevelLogits(2, values, values),))
    picture = logitsPicture(values, logits, (slice(0, 8), slice(0, 10)), (8, 10)).astype(int)
    assert picture[2, 4][0] > picture[2, 4][2] and picture[2, 6][2] > picture[2, 6][0]
    assert picture[4, 4].min() > 240
    assert picture[0, 0].max() == 0 and picture[7, 9].max() == 0, "black where the network did not look"


def regionAt(workplace, center, size):
    node = workplace.scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "box")
    grid = gridOfVolume(workplace.volume)
    axes = grid.ijkToWorld[:3, :3] / np.linalg.norm(grid.ijkToWorld[:3, :3], axis=0)
    if np.linalg.det(axes) < 0:
        axes[:, 0] *= -1
    matrix = np.eye(4)
    matrix[:3, :3] = axes
    matrix[:3, 3] = (grid.ijkToWorld @ [*center[::-1], 1.0])[:3]
    node.SetAndObserveObjectToNodeMatrix(slicer.util.vtkMatrixFromArray(matrix))
    node.SetSize(*(np.array(size)[::-1] * grid.spacing[::-1]))
    return node


def testRegionBecomesVoxels(workplace):
    workplace.paint(0, [3, 12])
    logic = workplace.logic
    logic.regionNode = regionAt(workplace, center=(7.0, 12.0, 20.0), size=(10.0, 8.2, 6.2))
    workplace.runToPreview()
    assert workplace.workers[0].calls[0].options["region"] == ((2, 12), (8, 16), (17, 23))
    logic.regionNode = regionAt(workplace, center=(7.0, 12.0, 20.0), size=(500, 500, 500))
    workplace.runToPreview()
    assert workplace.workers[0].calls[1].options["region"] == tuple((0, count - 1) for count in SHAPE)
    logic.regionNode = regionAt(workplace, center=(70.0, 12.0, 20.0), size=(4, 4, 4))
    with pytest.raises(SceneError, match="beyond the volume"):
        logic.startPropagation()
    logic.regionNode = None
    workplace.runToPreview()
    assert workplace.workers[0].calls[2].options["region"] is None


def testRegionFollowsItsTransform(workplace):
    workplace.paint(0, [3, 12])
    region = regionAt(workplace, center=(7.0, 12.0, 20.0), size=(10.0, 8.2, 6.2))
    transform = workplace.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = np.eye(4)
    matrix[:3, 3] = gridOfVolume(workplace.volume).ijkToWorld[:3, 0] * 5  # five columns on
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    region.SetAndObserveTransformNodeID(transform.GetID())
    workplace.logic.regionNode = region
    workplace.runToPreview()
    assert workplace.workers[0].calls[0].options["region"] == ((2, 12), (8, 16), (22, 28))


def testRegionIsPutAroundThePainting(workplace):
    with pytest.raises(SceneError, match="Nothing is painted"):
        workplace.logic.fitRegion()
    workplace.paint(0, [6, 10], size=8)
    workplace.logic.fitRegion()
    workplace.runToPreview()
    spans = workplace.workers[0].calls[0].options["region"]
    # Painted are slices 6-10 and rows and columns 6-14: twice the range, half as much again in the plane.
    assert spans == ((3, 13), (4, 16), (4, 16))
    node = workplace.logic.regionNode
    workplace.logic.fitRegion()
    assert workplace.logic.regionNode is node, "the region that is there is moved"


def testRegionIsSavedWithTheScene(workplace, tmp_path):
    workplace.paint(0, [3, 12])
    workplace.logic.fitRegion()
    expected = workplace.logic.regionNode.GetName()
    path = str(tmp_path / "scene.mrb")
    assert workplace.scene.WriteToMRB(path)
    workplace.scene.Clear(False)
    assert workplace.logic.regionNode is None
    assert workplace.scene.ReadFromMRB(path)
    assert workplace.logic.regionNode.GetName() == expected
