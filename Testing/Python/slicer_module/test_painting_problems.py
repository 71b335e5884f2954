"""Paintings that cannot be used as they are: one sentence says so, with a remedy where there is one."""

import itertools

import numpy as np
import pytest
import slicer
import slicer.util
import vtk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PatchICLSegmentLib.Errors import NoVoxelsError, OtherGridError, SceneError
from PatchICLSegmentLib.SceneIO.Lattice import brushGrid
from PatchICLSegmentLib.SceneIO.Segments import SegmentBox, orientedImage, readSegment
from PatchICLSegmentLib.SceneIO.SegmentWriter import SegmentHistory, SegmentWriter
from PatchICLSegmentLib.SceneIO.Volumes import gridOfVolume
from PatchICLSegmentLib.State import State

from PatchICLLib.errors import InputError
from PatchICLLib.propagation.geometry.planes import find_planes

from .conftest import SHAPE, eitherGeometry, warpNode

geometry = eitherGeometry()

CONVERTER = slicer.vtkSegmentationConverter


def rotation(degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return matrix


def scaled(*factors: float) -> np.ndarray:
    """From voxels (i, j, k) of a grid with `factors` times the step to those of the first; corners coincide."""
    matrix = np.diag([*factors, 1.0])
    matrix[:3, 3] = (np.array(factors) - 1) / 2
    return matrix


OTHER_GRIDS = {
    "finer": scaled(0.5, 0.5, 0.5),
    "coarser": scaled(2, 2, 2),
    "thicker": scaled(1, 1, 3),
    "rotated": rotation(10),
    "half a voxel off": np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0.5], [0, 0, 0, 1.0]]),
}


def paintOn(workplace, toVolume: np.ndarray, mask: np.ndarray, segmentId=None) -> None:
    """Makes the grid given by a matrix to the volume's voxels that of the segmentation, and a segment on it."""
    geometry = gridOfVolume(workplace.volume).ijkToLocal @ toVolume
    image = orientedImage(mask, (0, 0, 0), geometry)
    segmentation = workplace.segmentation.GetSegmentation()
    text = CONVERTER.SerializeImageGeometry(image)
    segmentation.SetConversionParameter(CONVERTER.GetReferenceImageGeometryParameterName(), text)
    slicer.vtkSlicerSegmentationsModuleLogic.SetBinaryLabelmapToSegment(
        image, workplace.segmentation, segmentId or workplace.organ
    )


def voxelsOf(workplace) -> tuple[tuple[int, ...], bytes]:
    """Where the segment's labelmap lies and what is in it, whatever the grid."""
    array = slicer.util.arrayFromSegmentInternalBinaryLabelmap(workplace.segmentation, workplace.organ)
    return array.shape, array.tobytes()


def testAnObliquePlaneIsRefusedInTheLibrarysSentence(workplace):
    drawn = np.zeros(SHAPE, bool)
    for k in range(2, 16):
        drawn[k, 2 * k : 2 * k + 2, 6:30] = True
    workplace.write(drawn)
    logic = workplace.logic
    with pytest.raises(InputError) as ofTheLibrary:
        find_planes(drawn, (2.5, 0.9, 0.8))
    assert str(logic.currentPainting().problem) == str(ofTheLibrary.value)
    assert logic.painting.slices() == [] and logic.painting.axis() is None
    for act in (logic.startPropagation, lambda: logic.painting.setNotOnSlice(5)):
        with pytest.raises(SceneError) as refused:
            act()
        assert str(refused.value) == str(ofTheLibrary.value)
    assert logic.state is State.IDLE and (workplace.read() == drawn).all()


orders, signs = st.permutations([0, 1, 2]), st.tuples(*[st.sampled_from([1, -1])] * 3)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=orders, sign=signs, cut=st.tuples(*[st.integers(-3, 3)] * 3), seed=st.integers(0, 99))
def testSameVoxelsInAnotherOrderAreReadAndWrittenExactly(place, order, sign, cut, seed):
    mask = np.random.default_rng(seed).random(SHAPE) > 0.5
    place.write(mask)
    # A volume whose array is the first one's, cut or extended in front, with flipped and permuted axes.
    indices = np.stack(np.indices(SHAPE), axis=-1)
    padded = np.pad(indices, [(max(-c, 0), 0) for c in cut] + [(0, 0)], constant_values=-1)
    padded = padded[tuple(slice(max(c, 0), None) for c in cut)]
    seen = padded[tuple(slice(None, None, step) for step in sign)].transpose([*order, 3])
    visible = np.full(seen.shape[:3], False)
    inside = (seen >= 0).all(axis=-1)
    visible[inside] = mask[tuple(seen[inside].T)]
    toFirst = np.eye(4)
    toFirst[:3, :3] = 0
    for axis, source in enumerate(order):
        toFirst[2 - source, 2 - axis] = sign[source]
        toFirst[2 - source, 3] = cut[source] if sign[source] > 0 else SHAPE[source] - 1
    geometry = gridOfVolume(place.volume).ijkToLocal @ toFirst
    other = slicer.util.addVolumeFromArray(np.zeros(seen.shape[:3], np.int16), geometry, "other")
    try:
        box = readSegment(place.segmentation, place.organ, other)
        assert np.array_equal(box.filled(), visible)
        new = np.random.default_rng(seed + 1).random(visible.shape) > 0.5
        writer = SegmentWriter(place.scene, place.logic.editorNode, SegmentHistory(place.segmentation))
        writer.write(place.segmentation, other, {place.organ: SegmentBox(new.shape, (0, 0, 0), new)})
        expected = mask.copy()
        expected[tuple(seen[inside].T)] = new[inside]
        assert np.array_equal(place.read(), expected)
    finally:
        place.scene.RemoveNode(other)


REORDERED = {
    "flipped": (np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, 17], [0, 0, 0, 1.0]]), 0, lambda k: 17 - k),
    "cropped": (np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 2], [0, 0, 0, 1.0]]), 0, lambda k: k - 2),
    "permuted": (np.array([[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]]), 2, lambda k: k),
}


@pytest.mark.parametrize("name", REORDERED)
def testWhatIsRememberedCountsTheSlicesOfTheVolume(workplace, name):
    """Declared empty, not used, or written by a propagation: the same slices, whatever volume counts them."""
    toFirst, axis, moved = REORDERED[name]
    logic, first = workplace.logic, workplace.volume
    workplace.paint(0, [3, 8, 13])
    logic.painting.setNotOnSlice(15)
    logic.painting.setContext(8, False)
    array = slicer.util.arrayFromVolume(first)
    seen = {"flipped": array[::-1], "cropped": array[2:], "permuted": array.transpose(1, 2, 0)}[name]
    geometry = gridOfVolume(first).ijkToLocal @ toFirst
    other = slicer.util.addVolumeFromArray(np.ascontiguousarray(seen), geometry, "other")

    def rows():
        return [(row.index, row.declaredEmpty, row.isContext) for row in logic.painting.slices()]

    expected = [(3, False, True), (8, False, False), (13, False, True), (15, True, True)]
    assert rows() == expected
    logic.select(other, workplace.segmentation)
    assert logic.painting.axis() == axis
    assert rows() == sorted((moved(index), *flags) for index, *flags in expected)
    logic.painting.setContext(moved(8), True)
    logic.select(first, workplace.segmentation)
    assert rows() == [(index, isEmpty, True) for index, isEmpty, _isContext in expected]
    workplace.runToPreview()
    logic.applyPreview()
    mask = workplace.read()
    mask[5, 8, 8:12] = False
    workplace.write(mask)
    workplace.runToPreview()
    logic.applyPreview()
    expected = {(0, 3), (0, 5), (0, 8), (0, 13), (0, 15)}
    assert {row.plane for row in logic.painting.slices()} == expected
    logic.select(other, workplace.segmentation)
    rows = {row.plane: row for row in logic.painting.slices()}
    assert rows.keys() == {(axis, moved(index)) for _axis, index in expected}, "what was written is known there too"
    corrected = rows[axis, moved(5)]
    assert not corrected.isWhole and {part.stop - part.start for part in corrected.region} == {1, 4}


@pytest.mark.parametrize("name", OTHER_GRIDS)
def testOtherGridIsRefusedAndNothingIsOverwritten(workplace, name):
    logic = workplace.logic
    workplace.propagate(0, [3, 12])
    mask = np.zeros((20, 40, 48), bool)
    for number, index in enumerate((5, 11, 17)):
        mask[index, 8 : 20 + number, 8 : 22 + number] = True
    paintOn(workplace, OTHER_GRIDS[name], mask)
    before = voxelsOf(workplace)
    assert logic.painting.slices() == []
    for act in (
        logic.applyPreview,
        logic.startPropagation,
        lambda: logic.painting.setNotOnSlice(5),
        lambda: logic.painting.remove(5),
        lambda: readSegment(workplace.segmentation, workplace.organ, workplace.volume),
    ):
        with pytest.raises(OtherGridError, match="are not those of ct"):
            act()
    assert voxelsOf(workplace) == before
    problem = logic.remedies.problem()
    assert problem.remedy == "Make a copy" and "half a voxel" in problem.sentence


def testGridThatAFileHasRoundedIsTheSame(workplace):
    mask = np.zeros(SHAPE, bool)
    mask[[3, 9, 16], 5:25, 8:30] = True
    paintOn(workplace, np.diag([1.0005, 0.9995, 1.012, 1]), mask)
    logic = workplace.logic
    assert logic.remedies.problem() is None
    assert np.array_equal(logic.currentPainting().box.filled(), mask)
    workplace.runToPreview()
    logic.applyPreview()
    assert np.array_equal(logic.currentPainting().box.filled()[[3, 9, 16]], mask[[3, 9, 16]])
    assert [row.index for row in logic.painting.slices()] == [3, 9, 16]


@pytest.mark.parametrize("name", OTHER_GRIDS)
def testVolumeThatWasPaintedOnIsOffered(workplace, name):
    geometry = gridOfVolume(workplace.volume).ijkToLocal @ OTHER_GRIDS[name]
    mask = np.zeros((20, 40, 48), bool)
    mask[5, 8:20, 8:22] = mask[11, 8:21, 8:23] = True
    paintOn(workplace, OTHER_GRIDS[name], mask)
    cropped = slicer.util.addVolumeFromArray(np.zeros((8, 40, 48), np.int16), geometry, "cropped")
    assert workplace.logic.remedies.problem().remedy == "Make a copy", "some of the painting lies beyond that volume"
    slicer.util.addVolumeFromArray(np.zeros((20, 40, 48), np.int16), geometry, "painted on")
    problem = workplace.logic.remedies.problem()
    assert "painted on" in problem.sentence and problem.remedy == "Select painted on"
    before = voxelsOf(workplace)
    problem.mend()
    assert workplace.logic.volumeNode.GetName() == "painted on" and cropped is not None
    assert workplace.logic.remedies.problem() is None
    assert workplace.indices() == [5, 11] and voxelsOf(workplace) == before


def testResultsOfThisModuleAreNotOfferedAsVolumes(workplace):
    workplace.propagate(0, [3, 12])
    workplace.logic.views.updateEntropy()
    other = slicer.util.addVolumeFromArray(np.zeros((9, 20, 24), np.int16), np.eye(4), "elsewhere")
    workplace.scene.RemoveNode(workplace.volume)
    workplace.logic.select(other, workplace.segmentation)
    assert workplace.logic.remedies.problem().remedy == "Make a copy"


@pytest.mark.parametrize("factors", [(0.5, 0.5, 0.5), (1, 1, 0.5), (1 / 3, 1 / 3, 1)])
@pytest.mark.parametrize("axis", [0, 1, 2])
def testCopyOfAFinerPaintingKeepsEveryPaintedSlice(workplace, axis, factors):
    indices = (3, 9, 14)
    expected = np.zeros(SHAPE, bool)
    fine = np.zeros([round(n / f) for n, f in zip(SHAPE, reversed(factors), strict=True)], bool)
    steps = [round(1 / f) for f in reversed(factors)]
    for index in indices:
        region = [slice(5, 15)] * 3
        region[axis] = slice(index, index + 1)
        expected[tuple(region)] = True
        within = [slice(part.start * step, part.stop * step) for part, step in zip(region, steps, strict=True)]
        # Of several thin slices in one of the volume, a brush paints only one.
        within[axis] = slice(within[axis].stop - 1, within[axis].stop)
        fine[tuple(within)] = True
    paintOn(workplace, scaled(*factors), fine)
    before, original = voxelsOf(workplace), workplace.segmentation
    workplace.logic.remedies.problem().mend()
    logic = workplace.logic
    copy = logic.segmentationNode
    assert copy is not original and logic.remedies.problem() is None
    assert [row.index for row in logic.painting.slices()] == list(indices)
    assert np.array_equal(logic.currentPainting().box.filled(), expected)
    assert voxelsOf(workplace) == before and not original.GetDisplayNode().GetVisibility()
    assert copy.GetSegmentation().GetSegment(logic.segmentId).GetName() == "Structure"
    workplace.runToPreview()
    assert logic.state is State.PREVIEW


@pytest.mark.parametrize("name", ["coarser", "thicker", "rotated", "half a voxel off"])
def testCopyLiesWhereTheOriginalDoes(workplace, name):
    mask = np.zeros((18, 40, 48), bool)
    mask[3:6, 6:15, 8:20] = True
    paintOn(workplace, OTHER_GRIDS[name], mask)
    corners = list(itertools.product((7.5, 19.5), (5.5, 14.5), (2.5, 5.5)))
    there = np.array([(OTHER_GRIDS[name] @ [*corner, 1])[:3] for corner in corners])
    workplace.logic.remedies.problem().mend()
    copied = np.argwhere(workplace.logic.currentPainting().box.filled())[:, ::-1]
    assert np.abs(copied.mean(axis=0) - there.mean(axis=0)).max() < 0.6
    expected = 3 * 9 * 12 * np.linalg.det(OTHER_GRIDS[name][:3, :3])
    assert len(copied) == pytest.approx(expected, rel=0.35)


def testBrushOfAnotherGridIsToldBeforeTheFirstStroke(workplace):
    paintOn(workplace, OTHER_GRIDS["finer"], np.zeros((36, 80, 96), bool))
    assert workplace.logic.remedies.problem().remedy == "Make a copy"
    workplace.logic.remedies.problem().mend()
    assert workplace.logic.remedies.problem() is None
    assert brushGrid(workplace.logic.segmentationNode).GetDimensions() == (48, 40, 18)


def testSegmentationUnderAWarpIsCopied(scene, workplace):
    workplace.paint(0, [3, 12])
    warpNode(scene, workplace.segmentation)
    before = voxelsOf(workplace)
    with pytest.raises(OtherGridError):
        workplace.logic.startPropagation()
    workplace.logic.remedies.problem().mend()
    assert workplace.logic.remedies.problem() is None or workplace.logic.currentPainting().problem is not None
    assert not workplace.logic.currentPainting().box.isEmpty and voxelsOf(workplace) == before


def testNewSegmentationPaintsOnTheVoxelsOfAMovedVolume(scene, workplace):
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(rotation(25)))
    workplace.volume.SetAndObserveTransformNodeID(transform.GetID())
    workplace.logic.createSegmentation()
    assert workplace.logic.remedies.problem() is None


def surfaceSegmentation(workplace, representation: str):
    """A segmentation that has only a ball as surface, or as contours, at the middle of the volume."""
    ball = vtk.vtkSphereSource()
    ball.SetCenter(*gridOfVolume(workplace.volume).sliceCenter(0, 8))
    ball.SetRadius(9)
    ball.SetThetaResolution(24)
    ball.SetPhiResolution(24)
    ball.Update()
    node = workplace.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "imported")
    node.CreateDefaultDisplayNodes()
    node.GetSegmentation().SetSourceRepresentationName(representation)
    segment = slicer.vtkSegment()
    segment.SetName("ball")
    segment.AddRepresentation(representation, ball.GetOutput())
    node.GetSegmentation().AddSegment(segment, "ball")
    workplace.logic.select(workplace.volume, node)
    return node


def testSurfacesAreCopiedAsVoxels(workplace):
    original = surfaceSegmentation(workplace, CONVERTER.GetSegmentationClosedSurfaceRepresentationName())
    logic = workplace.logic
    with pytest.raises(NoVoxelsError, match="Closed surface"):
        logic.startPropagation()
    problem = logic.remedies.problem()
    assert "Closed surface" in problem.sentence and problem.remedy == "Make a copy as voxels"
    problem.mend()
    assert logic.segmentationNode is not original and logic.remedies.problem() is None
    box = logic.currentPainting().box
    assert box.voxels.sum() * np.prod([2.5, 0.9, 0.8]) == pytest.approx(4 / 3 * np.pi * 9**3, rel=0.1)
    assert original.GetSegmentation().GetSourceRepresentationName() == "Closed surface"
    assert not original.GetSegmentation().ContainsRepresentation("Binary labelmap")
    assert original.GetSegmentation().GetNumberOfSegments() == 1


def testContoursThatSlicerCannotConvertAreSaid(workplace):
    original = surfaceSegmentation(workplace, CONVERTER.GetSegmentationPlanarContourRepresentationName())
    count = workplace.scene.GetNumberOfNodes()
    problem = workplace.logic.remedies.problem()
    assert "Planar contour" in problem.sentence
    with pytest.raises(SceneError, match="SlicerRT"):
        problem.mend()
    assert workplace.scene.GetNumberOfNodes() == count and workplace.logic.segmentationNode is original
