"""Volumes, segments and painted slices between MRML and numpy."""

import zlib
from dataclasses import replace

import numpy as np
import pytest
import slicer
import slicer.util
import vtk
from hypothesis import given
from hypothesis import strategies as st
from PatchICLSegmentLib.Errors import HardenTransformError, SceneError
from PatchICLSegmentLib.SceneIO.PaintedSlices import drawingOf, planesByAxis
from PatchICLSegmentLib.SceneIO.SegmentMemory import SegmentMemory
from PatchICLSegmentLib.SceneIO.Segments import SegmentBox, readSegment
from PatchICLSegmentLib.SceneIO.SegmentWriter import SegmentHistory, SegmentWriter
from PatchICLSegmentLib.SceneIO.Volumes import addVolume, arrayOfVolume, gridOfVolume
from PatchICLSegmentLib.SceneIO.Voxels import Voxels

from .conftest import eitherGeometry, warpNode

geometry = eitherGeometry()


def moveNode(scene, node, matrix) -> None:
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    node.SetAndObserveTransformNodeID(transform.GetID())


def shift(*offset) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = offset
    return matrix


class CountingUndo:
    states = 0

    def saveStateForUndo(self):
        self.states += 1


def boxOf(mask) -> SegmentBox:
    return SegmentBox(mask.shape, (0, 0, 0), mask)


def testSlicePositionsAreThoseOfSlicersSliceOffsets(workplace):
    grid = gridOfVolume(workplace.volume)
    assert grid.shape == (18, 40, 48)
    assert grid.spacing == pytest.approx((2.5, 0.9, 0.8))
    for axis in range(3):
        center = grid.sliceCenter(axis, 5)
        assert grid.indexAt(axis, center) == pytest.approx(5)
        assert grid.sliceOffset(axis, 5) == pytest.approx(grid.normal(axis) @ center)
        assert grid.normal(axis)[np.argmax(np.abs(grid.normal(axis)))] > 0


def testTransformMovesPositionsButNotTheArray(scene, workplace):
    before = gridOfVolume(workplace.volume).sliceCenter(0, 4)
    moveNode(scene, workplace.volume, shift(5, -7, 6))
    assert gridOfVolume(workplace.volume).sliceCenter(0, 4) == pytest.approx(before + [5, -7, 6])
    assert arrayOfVolume(workplace.volume).shape == (18, 40, 48)


def testNonLinearTransformAsksToHarden(scene, workplace):
    warpNode(scene, workplace.volume)
    with pytest.raises(HardenTransformError, match="harden"):
        arrayOfVolume(workplace.volume)


def testColorVolumeAndSingleSliceAreExplained(scene):
    color = scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "photo")
    image = vtk.vtkImageData()
    image.SetDimensions(4, 5, 6)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 3)
    color.SetAndObserveImageData(image)
    with pytest.raises(SceneError, match="3 components"):
        arrayOfVolume(color)
    flat = slicer.util.addVolumeFromArray(np.zeros((1, 8, 9), np.int16), np.eye(4), "flat")
    with pytest.raises(SceneError, match="single slice"):
        arrayOfVolume(flat)
    with pytest.raises(SceneError, match="Select a volume"):
        arrayOfVolume(None)


@pytest.mark.parametrize("scale", [(1, 1, 1), (1, 2, 2)])
def testAddedVolumeLiesOnItsSource(scene, workplace, scale):
    moveNode(scene, workplace.volume, shift(5, -7, 6))
    node = addVolume(scene, np.ones((2, 6, 8), np.uint8), workplace.volume, "x", offset=(3, 4, 5), scale=scale)
    source, added = gridOfVolume(workplace.volume), gridOfVolume(node)
    # The outer corner of the added volume is the outer corner of source voxel (k, j, i) = (3, 4, 5).
    corner = added.ijkToWorld @ [-0.5, -0.5, -0.5, 1]
    assert corner == pytest.approx(source.ijkToWorld @ [4.5, 3.5, 2.5, 1])
    assert np.array(added.spacing) * scale == pytest.approx(source.spacing)


def testSegmentReadEqualsSlicersExport(workplace):
    assert readSegment(workplace.segmentation, workplace.organ, workplace.volume).isEmpty
    mask = np.random.default_rng(0).random((18, 40, 48)) > 0.7
    mask[:3] = mask[:, :, 40:] = False
    workplace.write(mask)
    box = readSegment(workplace.segmentation, workplace.organ, workplace.volume)
    assert (box.filled() == workplace.read()).all() and (box.filled() == mask).all()
    for axis in range(3):
        assert (box.areas(axis) == mask.sum(axis=tuple({0, 1, 2} - {axis}))).all()
        assert (box.plane(axis, 7) == np.take(mask, 7, axis=axis)).all()
        assert not box.plane(axis, 0 if axis < 1 else 39)[:3].all()


def testSharedLabelmapGivesOneSegmentOnly(workplace):
    first, second = np.zeros((2, 18, 40, 48), bool)
    first[4, 5:9, 5:9] = second[4, 12:20, 5:9] = True
    workplace.write(first)
    workplace.write(second, workplace.other)
    workplace.segmentation.GetSegmentation().CollapseBinaryLabelmaps(False)
    assert workplace.segmentation.GetSegmentation().GetNumberOfLayers() == 1
    assert (readSegment(workplace.segmentation, workplace.other, workplace.volume).filled() == second).all()


def testVolumeMovedAloneIsSeenInWorldSpace(scene, workplace):
    mask = np.zeros((18, 40, 48), bool)
    mask[8, 10:20, 10:24] = True
    workplace.write(mask)
    step = gridOfVolume(workplace.volume).ijkToLocal[:3, 2] * 2
    moveNode(scene, workplace.volume, shift(*step))
    moved = readSegment(workplace.segmentation, workplace.organ, workplace.volume)
    assert (moved.filled() == np.roll(mask, -2, axis=0)).all()
    writer = SegmentWriter(scene, workplace.logic.editorNode, CountingUndo())
    new = np.zeros_like(mask)
    new[3:6, 5:9, 5:9] = True
    writer.write(workplace.segmentation, workplace.volume, {workplace.organ: boxOf(new)})
    assert (readSegment(workplace.segmentation, workplace.organ, workplace.volume).filled() == new).all()


@pytest.mark.parametrize("overwrite", ["OverwriteAllSegments", "OverwriteVisibleSegments", "OverwriteNone"])
@pytest.mark.parametrize("otherIsVisible", [True, False])
def testOverwriteModeDecidesWhatOthersLose(scene, workplace, overwrite, otherIsVisible):
    other, new = np.zeros((2, 18, 40, 48), bool)
    other[4:9, 8:14, 8:14] = new[2:8, 10:20, 10:20] = True
    workplace.write(other, workplace.other)
    workplace.segmentation.GetDisplayNode().SetSegmentVisibility(workplace.other, otherIsVisible)
    editorNode = workplace.logic.editorNode
    editorNode.SetOverwriteMode(getattr(slicer.vtkMRMLSegmentEditorNode, overwrite))
    undo = CountingUndo()
    SegmentWriter(scene, editorNode, undo).write(
        workplace.segmentation, workplace.volume, {workplace.organ: boxOf(new)}
    )
    overwritten = overwrite == "OverwriteAllSegments" or (overwrite == "OverwriteVisibleSegments" and otherIsVisible)
    assert (workplace.read() == new).all()
    assert (workplace.read(workplace.other) == (other & ~new if overwritten else other)).all()
    assert undo.states == 1


def testShrinkingUnderAMaskErasesWhatIsAllowed(scene, workplace):
    old, new = np.zeros((2, 18, 40, 48), bool)
    old[3:12, 4:30, 4:30] = new[6:8, 10:14, 10:14] = True
    workplace.write(old)
    editorNode = workplace.logic.editorNode
    editorNode.SetSourceVolumeIntensityMask(True)
    editorNode.SetSourceVolumeIntensityMaskRange(100, 400)
    allowed = arrayOfVolume(workplace.volume) >= 100
    box = SegmentBox(old.shape, (6, 10, 10), new[6:8, 10:14, 10:14])
    SegmentWriter(scene, editorNode, CountingUndo()).write(
        workplace.segmentation, workplace.volume, {workplace.organ: box}
    )
    assert (workplace.read() == np.where(allowed, new, old)).all()


def testSeveralSegmentsAreOneUndoStepWithMemory(scene, workplace):
    before, a, b = np.zeros((3, 18, 40, 48), bool)
    before[4, 6:12, 6:12] = a[2:9, 5:15, 5:15] = b[2:9, 20:30, 20:30] = True
    workplace.write(before)
    history = SegmentHistory(workplace.segmentation)
    writer = SegmentWriter(scene, workplace.logic.editorNode, history)
    masks = {workplace.organ: boxOf(a), workplace.other: boxOf(b)}
    writer.write(workplace.segmentation, workplace.volume, masks)
    segment = workplace.segmentation.GetSegmentation().GetSegment(workplace.organ)
    SegmentMemory(0, {(0, 3): None, (1, 7): None}).store(segment)
    assert history.undo()
    assert (workplace.read() == before).all() and not workplace.read(workplace.other).any()
    assert SegmentMemory.of(segment) == SegmentMemory()
    assert history.redo()
    assert (workplace.read() == a).all() and (workplace.read(workplace.other) == b).all()
    assert SegmentMemory.of(segment).planes == {(0, 3): None, (1, 7): None}


def testClosedSurfaceIsRenewed(scene, workplace):
    workplace.paint(0, [4])
    workplace.segmentation.CreateClosedSurfaceRepresentation()
    new = np.zeros((18, 40, 48), bool)
    new[3:12, 4:30, 4:30] = True
    writer = SegmentWriter(scene, workplace.logic.editorNode, CountingUndo())
    writer.write(workplace.segmentation, workplace.volume, {workplace.organ: boxOf(new)})
    surface = workplace.segmentation.GetClosedSurfaceInternalRepresentation(workplace.organ)
    height = surface.GetBounds()[5] - surface.GetBounds()[4]
    assert height > 8 * 2.5 * 0.8


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("indices", [[9], [3, 9, 14], [7, 8, 9]])
def testAxisOfPaintingIsFound(workplace, axis, indices):
    workplace.paint(axis, indices)
    box = readSegment(workplace.segmentation, workplace.organ, workplace.volume)
    assert planesByAxis(box, (2.5, 0.9, 0.8)) == {axis: tuple(indices)}


def testSmallStructureOnManySlicesKeepsItsAxis():
    mask = np.zeros((30, 30, 30), bool)
    mask[2:27:4, 10:13, 10:13] = True
    assert planesByAxis(boxOf(mask), (1.0, 1.0, 1.0)) == {0: tuple(range(2, 27, 4))}
    twoKidneys = np.zeros((30, 60, 60), bool)
    twoKidneys[10:13, 20:40, 5:15] = twoKidneys[10:13, 20:40, 45:55] = True
    assert planesByAxis(boxOf(twoKidneys), (1.0, 1.0, 1.0)) == {0: (10, 11, 12)}


planes = st.tuples(st.integers(0, 2), st.integers(0, 7))
parts = st.tuples(st.integers(-9, 9), st.integers(1, 9)).map(lambda part: slice(part[0], sum(part)))
somePlanes = st.dictionaries(planes, st.one_of(st.none(), st.tuples(parts, parts, parts)))


@given(somePlanes, st.frozensets(planes), st.frozensets(planes), st.sampled_from([None, 0, 1, 2]), st.integers(0, 99))
def testMemoryComesBackFromTags(painted, excluded, trusted, axis, seed):
    segment = slicer.vtkSegment()
    voxels = np.random.default_rng(seed).random((3, 4, 5)) > 0.5
    memory = SegmentMemory(axis, painted, excluded, trusted, Voxels((seed - 50, 2, 3), voxels), lattice=(0.5,) * 16)
    memory.store(segment)
    again = SegmentMemory.of(segment)
    assert replace(again, written=None) == replace(memory, written=None)
    assert again.written.offset == memory.written.offset and np.array_equal(again.written.array, voxels)
    SegmentMemory().store(segment)
    assert SegmentMemory.of(segment) == SegmentMemory()


def judged(mask, memory):
    return drawingOf(boxOf(mask), memory, (1.0, 1.0, 1.0)).slices


def propagated():
    """Slices 2 to 7, of which 2 and 5 were painted."""
    mask = np.zeros((10, 20, 20), bool)
    mask[2:8, 5:15, 5:15] = True
    return mask, SegmentMemory(0, {(0, 2): None, (0, 5): None}, written=Voxels.of(boxOf(mask)))


def testWhatDiffersFromWhatWasWrittenIsPaintedInTheBoxOfWhatWasTouched():
    mask, memory = propagated()
    assert [row.plane for row in judged(mask, memory)] == [(0, 2), (0, 5)]
    corrected = mask.copy()
    corrected[4, 5, 5:8] = False
    corrected[4, 4, 7] = True
    corrected[7] = False
    rows = {row.plane: row for row in judged(corrected, memory)}
    assert sorted(rows) == [(0, 2), (0, 4), (0, 5), (0, 7)]
    assert rows[0, 4].region == (slice(4, 5), slice(4, 6), slice(5, 8)) and not rows[0, 4].isWhole
    assert rows[0, 7].declaredEmpty, "everything that was there was erased"


def testAStrokeInAnotherViewLeavesTheSlicesThatItCrossesAsTheyAre():
    mask, memory = propagated()
    corrected = mask.copy()
    corrected[3:7, 12, 13:18] = True
    corrected[6, 12, 14] = False
    rows = {row.plane: row for row in judged(corrected, memory)}
    assert sorted(rows) == [(0, 2), (0, 5), (1, 12)]
    assert rows[1, 12].region == (slice(3, 7), slice(12, 13), slice(14, 18))


def testDrawingStartedOverForgetsWhatWasWritten():
    mask, memory = propagated()
    fresh = np.zeros_like(mask)
    fresh[4, 2:9, 2:9] = True
    rows = judged(fresh, memory)
    assert [(row.plane, row.isWhole) for row in rows] == [((0, 4), True)]


def checksum(plane) -> str:
    """As earlier versions noted what was propagated."""
    return f"{zlib.crc32(np.packbits(plane).tobytes()):08x}"


@pytest.mark.parametrize("axis", [0, 1, 2])
def testScenesOfEarlierVersionsAreRead(workplace, axis):
    """Slices 3 to 8 written but 3 and 6, which were painted; 5 corrected since, 9 declared empty, 7 not to be used."""
    mask = np.zeros((18, 40, 48), bool)
    part = [slice(4, 12)] * 3
    part[axis] = slice(3, 9)
    mask[tuple(part)] = True
    along = np.moveaxis(mask, axis, 0)
    written = {index: checksum(along[index]) for index in (4, 5, 7, 8)}
    along[5, 2, 2] = True
    workplace.write(mask)
    segment = workplace.segmentation.GetSegmentation().GetSegment(workplace.organ)
    segment.SetTag("PatchICL.Axis", "kji"[axis])
    segment.SetTag("PatchICL.WrittenSlices", ",".join(f"{index}={text}" for index, text in written.items()))
    segment.SetTag("PatchICL.EmptySlices", "9")
    segment.SetTag("PatchICL.ExcludedSlices", "6")
    rows = workplace.logic.painting.slices()
    assert [(row.axis, row.index, row.declaredEmpty, row.isContext) for row in rows] == [
        (axis, 3, False, True),
        (axis, 5, False, True),
        (axis, 6, False, False),
        (axis, 9, True, True),
    ]
    assert workplace.logic.painting.axis() == axis
    workplace.logic.painting.setContext(6, True)
    assert not segment.HasTag("PatchICL.WrittenSlices") and segment.HasTag("PatchICL.Written")
    assert [row.index for row in workplace.logic.painting.slices() if row.isContext] == [3, 5, 6, 9]
