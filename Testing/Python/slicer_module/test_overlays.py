"""Layers over the slices: what they show, compared with stored pictures, and that the user's own come back.

After a wanted change of the pictures: PATCHICL_UPDATE_PICTURES=1 pytest Testing/Python/slicer_module/test_overlays.py,
then look at Testing/Python/slicer_module/pictures.
"""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import slicer
import slicer.util
from PatchICLSegmentLib.Errors import SceneError
from PatchICLSegmentLib.Inspection import writePicture
from PatchICLSegmentLib.Overlays.PatchLayers import levelPixels
from PatchICLSegmentLib.Overlays.PatchOutlines import drawBoxes, levelColor
from PatchICLSegmentLib.Overlays.ViewLayers import ViewLayers
from PatchICLSegmentLib.Parameters import Parameters
from PatchICLSegmentLib.SceneIO.SliceViews import alignViews, currentSlice, jumpToSlice, rotatedViews
from PatchICLSegmentLib.SceneIO.Volumes import gridOfVolume

from Testing.StandIn.Headless import SliceView, ThreeDView

from .conftest import eitherGeometry

geometry = eitherGeometry()

PICTURES = Path(__file__).parent / "pictures"


def readPicture(path) -> np.ndarray:
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    reader = vtk.vtkPNGReader()
    reader.SetFileName(str(path))
    reader.Update()
    image = reader.GetOutput()
    columns, rows, _ = image.GetDimensions()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, -1)[::-1]


def compareWithStored(picture: np.ndarray, name: str, tmp_path) -> None:
    """Differing Mesa versions may move a border by a pixel: one in two hundred pixels may differ."""
    path = PICTURES / f"{name}.png"
    if os.environ.get("PATCHICL_UPDATE_PICTURES"):
        PICTURES.mkdir(exist_ok=True)
        writePicture(path, picture)
    stored = readPicture(path)
    assert stored.shape == picture.shape
    differing = (np.abs(stored.astype(int) - picture).max(axis=2) > 24).mean()
    if differing > 0.005:
        writePicture(tmp_path / f"{name}.png", picture)
        pytest.fail(f"{name}: {differing:.1%} of the pixels differ from {path.name}; see {tmp_path}")


@pytest.fixture
def views(application, workplace):
    """Axial and sagittal views of the workplace's volume, on the volume's planes."""
    image = slicer.util.arrayFromVolume(workplace.volume)
    image[:, 4:30, 4:30] += 60
    workplace.volume.GetDisplayNode().AutoWindowLevelOff()
    workplace.volume.GetDisplayNode().SetWindowLevel(220, 130)
    made = [
        SliceView(application, "Red", "Axial", (240, 240)),
        SliceView(application, "Yellow", "Sagittal", (240, 240)),
    ]
    for view in made:
        view.show(workplace.volume)
    return made


def finishedRun(workplace, axis=0) -> None:
    workplace.paint(axis, [3, 12])
    workplace.runToPreview()


def voxelColor(view, volume, kji) -> np.ndarray:
    """Color at the middle of a voxel."""
    world = gridOfVolume(volume).ijkToWorld @ [*kji[::-1], 1]
    x, y = view.displayPosition(world[:3])
    picture = view.picture()
    return picture[picture.shape[0] - 1 - y, x].astype(int)


def testJumpShowsTheSlice(workplace, views):
    for index in (2, 9, 17):
        jumpToSlice(workplace.scene, workplace.volume, 0, index)
        assert currentSlice(workplace.scene, workplace.volume, 0) == index
        jumpToSlice(workplace.scene, workplace.volume, 2, 2 * index)
        assert currentSlice(workplace.scene, workplace.volume, 2) == 2 * index


def testRotatedViewIsFoundAndCured(workplace, views):
    assert rotatedViews(workplace.scene, workplace.volume) == []
    matrix = slicer.util.arrayFromVTKMatrix(views[0].node.GetSliceToRAS())
    angle = np.deg2rad(5)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    slicer.util.updateVTKMatrixFromArray(views[0].node.GetSliceToRAS(), matrix @ turn)
    views[0].node.UpdateMatrices()
    assert rotatedViews(workplace.scene, workplace.volume) == [views[0].node]
    alignViews(workplace.scene, workplace.volume)
    assert rotatedViews(workplace.scene, workplace.volume) == []


def testEntropyIsTransparentWhereCertain(workplace, views):
    finishedRun(workplace)
    workplace.logic.preview.node.GetDisplayNode().SetVisibility(False)
    workplace.segmentation.GetDisplayNode().SetVisibility(False)
    jumpToSlice(workplace.scene, workplace.volume, 0, 7)
    plain = voxelColor(views[0], workplace.volume, (7, 10, 10)), voxelColor(views[0], workplace.volume, (7, 6, 10))
    workplace.logic.views.updateEntropy()
    certain, unsure = (
        voxelColor(views[0], workplace.volume, (7, 10, 10)),
        voxelColor(views[0], workplace.volume, (7, 6, 10)),
    )
    assert (certain == plain[0]).all()
    red, _green, blue = unsure
    assert red > blue + 60 and not np.allclose(unsure, plain[1], atol=20)
    legend = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(workplace.logic.results.entropyNode)
    assert legend.GetVisibility() and "bits" in legend.GetTitleText()


@pytest.mark.parametrize(("axis", "view"), [(0, "Red"), (2, "Yellow"), (1, "Red")])
def testLegendIsSmallAndInOneView(workplace, views, axis, view):
    workplace.paint(axis, [3, 9])
    workplace.runToPreview()
    for _again in range(2):
        workplace.logic.views.updateEntropy()
    legends = workplace.scene.GetNodesByClass("vtkMRMLColorLegendDisplayNode")
    legends.UnRegister(None)
    assert legends.GetNumberOfItems() == 1
    legend = legends.GetItemAsObject(0)
    assert legend.GetSize() == (0.08, 0.4)
    assert legend.GetTitleTextProperty().GetFontSize() == legend.GetLabelTextProperty().GetFontSize() == 10
    shownIn = [legend.GetNthViewNodeID(number) for number in range(legend.GetNumberOfViewNodeIDs())]
    assert shownIn == [f"vtkMRMLSliceNode{view}"]
    for other in views:
        other.node.SetMappedInLayout(other.node.GetName() == "Yellow")
    workplace.logic.views.updateEntropy()
    assert legend.GetNthViewNodeID(0) == "vtkMRMLSliceNodeYellow", "not in a view that the layout leaves out"


@pytest.mark.parametrize("userHasForeground", [True, False])
def testForegroundOfTheUserComesBack(workplace, views, userHasForeground):
    pet = slicer.util.addVolumeFromArray(np.zeros((4, 4, 4), np.int16), np.eye(4), "pet")
    if userHasForeground:
        views[0].layers.SetForegroundVolumeID(pet.GetID())
        views[0].layers.SetForegroundOpacity(0.3)
    before = views[0].layers.GetForegroundVolumeID(), views[0].layers.GetForegroundOpacity()
    finishedRun(workplace)
    logic = workplace.logic
    logic.views.updateEntropy()
    assert views[0].layers.GetForegroundVolumeID() == logic.results.entropyNode.GetID()
    logic.parameters = Parameters(entropyOpacity=0.9)
    logic.views.updateEntropy()
    assert views[0].layers.GetForegroundOpacity() == 0.9
    logic.parameters = Parameters(entropyVisible=False)
    logic.views.updateEntropy()
    assert (views[0].layers.GetForegroundVolumeID(), views[0].layers.GetForegroundOpacity()) == before


def testLaterChoiceOfTheUserStays(workplace, views):
    finishedRun(workplace)
    workplace.logic.views.updateEntropy()
    views[0].layers.SetForegroundVolumeID(workplace.volume.GetID())
    ViewLayers(workplace.scene).restoreForeground(workplace.logic.results.entropyNode)
    assert views[0].layers.GetForegroundVolumeID() == workplace.volume.GetID()


def testPatchesAreOneLayerPerLevel(workplace, views):
    finishedRun(workplace)
    logic = workplace.logic
    workplace.logic.preview.node.GetDisplayNode().SetVisibility(False)
    jumpToSlice(workplace.scene, workplace.volume, 0, 7)
    logic.parameters = Parameters(patchesVisible=True, patchOpacity=1.0)
    logic.views.updatePatches()
    nodes = logic.views.patchLayers.nodes()
    assert sorted(nodes) == [0, 1] and views[0].layers.GetNumberOfAdditionalLayers() >= 2
    picture = views[0].picture().astype(int)
    for level in (0, 1):
        color = np.array(levelColor(level)) * 255
        assert (np.abs(picture - color).max(axis=2) < 12).sum() > 40, f"level {level} is drawn"
    table = logic.parameterNode.reference(logic.views.LEVEL_TABLE)
    assert table.GetNumberOfRows() == 2 and table.GetNumberOfColumns() == 6
    logic.parameters = Parameters(patchesVisible=True, patchLevel=1)
    logic.views.updatePatches()
    shown = {views[0].layers.GetNthLayerVolumeID(index) for index in range(3, 5)}
    assert nodes[1].GetID() in shown and nodes[0].GetID() not in shown
    logic.parameters = Parameters(patchesVisible=False)
    logic.views.updatePatches()
    assert logic.views.patchLayers.nodes() == {}
    assert not any(views[0].layers.GetNthLayerVolumeID(index) for index in range(3, 6))


@pytest.mark.parametrize("axis", [0, 1, 2])
def testPatchLayerLiesWhereThePatchesAre(axis):
    box = SimpleNamespace(slice_index=4, corner=[4.5, 6.5], size=[6.0, 4.0])
    other = SimpleNamespace(slice_index=6, corner=[0.5, 0.5], size=[3.0, 3.0])
    selection = SimpleNamespace(patches=[box], context_patches=[other])
    shape = (18, 20, 22)
    pixels, offset, scale = levelPixels(shape, axis, selection, 4)
    assert offset[axis] == 4 and pixels.shape[axis] == 3 and scale[axis] == 1
    target = np.take(pixels, 0, axis=axis)
    fine = max(scale)
    rows, columns = np.nonzero(target)
    # Voxel centers are whole numbers: the box covers voxels 5-10 and 7-10.
    assert (rows.min(), rows.max() + 1) == (5 * fine, 11 * fine)
    assert (columns.min(), columns.max() + 1) == (7 * fine, 11 * fine)
    assert not np.take(pixels, 1, axis=axis).any() and np.take(pixels, 2, axis=axis).any()


def testBoxesBeyondTheSliceAreCut():
    pixels = np.zeros((10, 10), np.uint8)
    drawBoxes(pixels, [SimpleNamespace(corner=[-3.5, -3.5], size=[6, 6])], (1, 1), dashed=False)
    assert pixels.sum() == 5 and pixels[2, :3].all() and pixels[:3, 2].all()


def testNextSliceFollowsSuggestionThenUncertainty(workplace, views):
    logic = workplace.logic
    assert logic.views.nextSlice() is None
    finishedRun(workplace)
    suggested = logic.views.nextSlice()
    assert suggested == logic.results.run["suggested_next_slice"]
    logic.views.jumpTo(suggested)
    assert logic.views.currentIndex() == suggested
    logic.applyPreview()
    mask = workplace.read()
    mask[suggested, 30, 30] = True
    workplace.write(mask)
    following = logic.views.nextSlice()
    assert following != suggested and following == logic.views.slicesToReview()[0].index
    values = [row.uncertainty for row in logic.views.slicesToReview()]
    assert values == sorted(values, reverse=True)


def testPlotMarksThePaintedSlices(workplace):
    finishedRun(workplace)
    chart = workplace.logic.results.chartNode
    assert chart.GetNumberOfPlotSeriesNodes() == 2
    line, points = (chart.GetNthPlotSeriesNode(number) for number in (0, 1))
    table = line.GetTableNode().GetTable()
    slices = [table.GetColumnByName(line.GetXColumnName()).GetValue(row) for row in range(table.GetNumberOfRows())]
    assert slices == list(range(4, 12))
    table = points.GetTableNode().GetTable()
    painted = [table.GetColumnByName(points.GetXColumnName()).GetValue(row) for row in range(table.GetNumberOfRows())]
    assert painted == [3, 12]
    count = workplace.scene.GetNumberOfNodes()
    workplace.runToPreview()
    assert workplace.scene.GetNumberOfNodes() == count, "a second run takes the place of the first"


def testReviewSegmentHoldsTheUncertainVoxels(workplace):
    logic = workplace.logic
    with pytest.raises(SceneError, match="propagate first"):
        logic.views.addReviewSegment()
    finishedRun(workplace)
    logic.applyPreview()
    before = workplace.read()
    logic.parameters = Parameters(reviewThreshold=0.8)
    review = logic.views.addReviewSegment()
    entropy = logic.results.entropyNode
    expected = int((slicer.util.arrayFromVolume(entropy) >= 0.8).sum())
    assert expected and workplace.read(review).sum() == expected
    # Unsure is the border of the propagated slices, nowhere else.
    assert set(np.flatnonzero(workplace.read(review).any(axis=(1, 2)))) <= set(range(4, 12))
    assert (workplace.read() == before).all()
    assert logic.history().undo() and workplace.segmentation.GetSegmentation().GetSegment(review) is None
    logic.parameters = Parameters(reviewThreshold=1.0)
    entropyArray = slicer.util.arrayFromVolume(entropy)
    entropyArray[:] = np.minimum(entropyArray, 0.9)
    with pytest.raises(SceneError, match="lower the threshold"):
        logic.views.addReviewSegment()


def testExportWritesReportSelectionsAndPicture(workplace, views, tmp_path):
    with pytest.raises(SceneError, match="no result"):
        workplace.logic.views.export(tmp_path)
    finishedRun(workplace)
    jumpToSlice(workplace.scene, workplace.volume, 0, 7)
    written = workplace.logic.views.export(tmp_path / "é")
    assert [path.name for path in written] == [
        "patchicl_report.json",
        "patchicl_selections.json",
        "patchicl_patches.png",
    ]
    selections = json.loads(written[1].read_text(encoding="utf-8"))
    assert {entry["slice"] for entry in selections} == set(range(4, 12))
    picture = readPicture(written[2])
    for level in (0, 1):
        assert (picture == np.round(np.array(levelColor(level)) * 255)).all(axis=2).sum() > 40


def testPictures(application, workplace, views, tmp_path):
    finishedRun(workplace)
    logic = workplace.logic
    logic.preview.setOpacity(0.4)
    logic.parameters = Parameters(patchesVisible=True)
    jumpToSlice(workplace.scene, workplace.volume, 0, 7)
    jumpToSlice(workplace.scene, workplace.volume, 2, 12)
    logic.views.updateEntropy()
    logic.views.updatePatches()
    logic.preview.node.CreateClosedSurfaceRepresentation()
    third = ThreeDView(application, (240, 240))
    picture = np.hstack([*(view.picture() for view in views), third.picture()])
    isOblique = abs(slicer.util.arrayFromVTKMatrix(views[0].node.GetSliceToRAS())[2, 1]) > 0.1
    compareWithStored(picture, "overlays_oblique" if isOblique else "overlays_straight", tmp_path)
