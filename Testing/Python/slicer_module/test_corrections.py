"""Corrections in any view: what the user touched is as they left it, whatever is propagated, undone and applied.

The commit's run is short; `PATCHICL_RANDOM_STEPS` as for test_any_order.py.
"""

import numpy as np
import pytest

pytest.importorskip("slicer", reason="needs slicer-core (pip install slicer-core)")

import slicer
import slicer.util
from PatchICLSegmentLib.Evidence import SINGLE
from PatchICLSegmentLib.Parameters import Parameters
from PatchICLSegmentLib.SceneIO.SegmentMemory import SegmentMemory

from .conftest import SHAPE


@pytest.fixture
def applied(place):
    """Three axial slices, propagated and applied."""
    place.propagate(0, [3, 8, 14])
    place.logic.applyPreview()
    return place


def correct(place, region, value):
    mask = place.read()
    mask[region] = value
    place.write(mask)
    return mask


def testACoronalStrokePaintsNoAxialSlice(applied):
    mask = correct(applied, (slice(4, 13), 16, slice(5, 10)), True)
    rows = applied.logic.painting.slices()
    assert [(row.axis, row.index, row.isWhole) for row in rows] == [
        (0, 3, True),
        (0, 8, True),
        (0, 14, True),
        (1, 16, False),
    ]
    applied.runToPreview()
    call = applied.workers[-1].calls[-1]
    box = (slice(4, 13), slice(16, 17), slice(5, 10))
    expected = np.zeros(SHAPE, bool)
    expected[box] = True
    expected[8] = False  # an axial slice that is painted in all
    assert call.options["axis"] == 0 and np.array_equal(call.evidence == SINGLE, expected)
    applied.logic.applyPreview()
    assert np.array_equal(applied.read()[box], mask[box])
    assert [(row.axis, row.index) for row in applied.logic.painting.slices()] == [(0, 3), (0, 8), (0, 14), (1, 16)]


def testErasingSaysWhereTheSegmentIsNot(applied):
    correct(applied, (slice(5, 8), 10, slice(8, 12)), False)
    applied.runToPreview()
    call = applied.workers[-1].calls[-1]
    codes = np.unique(call.evidence[5:8, 10, 8:12]).tolist()
    assert len(codes) == 1 and codes[0] > SINGLE and call.options["excluded"] == {codes[0]: [1]}
    assert (call.evidence > 0).sum() == 3 * 4
    assert not applied.proposal()[5:8, 10, 8:12].any()
    applied.logic.applyPreview()
    assert not applied.read()[5:8, 10, 8:12].any() and applied.read()[5:8, 9, 8:12].all()


def testACorrectionOverAPreviewCountsInItsBoxOnly(place):
    place.propagate(0, [3, 14])
    mask = correct(place, (slice(5, 9), 10, slice(16, 20)), True)
    rows = place.logic.painting.slices()
    assert [(row.plane, row.isWhole) for row in rows] == [((0, 3), True), ((0, 14), True), ((1, 10), False)]
    place.logic.updatePropagation()
    place.finish()
    proposal = place.proposal()
    assert proposal[5:9, 10, 16:20].all() and proposal[7, 10, 6:15].all(), "the coronal slice is filled around it"
    place.logic.applyPreview()
    assert (place.read()[mask]).all()


@pytest.mark.parametrize("how", ["keeps", "is saved"])
def testWhatWasCorrectedStaysCorrected(applied, tmp_path, how):
    correct(applied, (slice(4, 7), 10, slice(8, 12)), False)
    applied.runToPreview()
    applied.logic.applyPreview()
    if how == "is saved":
        applied.saveAndLoad(tmp_path)
    rows = applied.logic.painting.slices()
    assert (1, 10) in [row.plane for row in rows]
    applied.runToPreview()
    applied.logic.applyPreview()
    assert not applied.read()[4:7, 10, 8:12].any()


def testWhatAnotherSegmentTakesByApplyIsNoCorrection(applied):
    """Two segments that overlap where nothing is painted: the second takes voxels from the first."""
    logic = applied.logic
    logic.select(applied.volume, applied.segmentation, applied.other)
    mask = np.zeros(SHAPE, bool)
    mask[[3, 14], 12:20, 12:20] = True
    applied.write(mask, applied.other)
    logic.parameters = Parameters()
    applied.runToPreview()
    before = applied.read()
    logic.applyPreview()
    assert (before & ~applied.read()).any(), "the overwrite mode takes voxels"
    logic.select(applied.volume, applied.segmentation, applied.organ)
    assert [row.plane for row in logic.painting.slices()] == [(0, 3), (0, 8), (0, 14)]


def testSlicesOfAllAxesAreDeclaredEmptyRemovedAndIgnored(applied):
    logic = applied.logic
    logic.painting.setNotOnSlice(16, axis=1)
    logic.painting.setNotOnSlice(1)
    rows = {row.plane: row for row in logic.painting.slices()}
    assert rows[1, 16].declaredEmpty and rows[0, 1].declaredEmpty and not applied.read()[:, 16].any()
    applied.runToPreview()
    call = applied.workers[-1].calls[-1]
    assert call.options["axis"] is None
    assert sorted(call.options["painted_slices"][1]) == [(0, 1), (0, 3), (0, 8), (0, 14), (1, 16)]
    logic.painting.setContext(16, False, axis=1)
    applied.runToPreview()
    assert applied.workers[-1].calls[-1].options["axis"] == 0
    logic.applyPreview()
    assert not applied.read()[:, 16].any(), "kept as it is, though it is no context"
    logic.painting.remove(16, axis=1)
    assert [row.plane for row in logic.painting.slices()] == [(0, 1), (0, 3), (0, 8), (0, 14)]


def testDrawingAfreshLeavesWhatOtherSlicesShowThere(place):
    place.paint(0, [3, 14], size=12)
    drawn = place.propagate(1, [10], size=8)
    place.logic.applyPreview()
    place.logic.painting.drawAfresh(8)
    assert np.array_equal(place.read()[8, 10], drawn[8, 10]) and place.read()[8].sum() == drawn[8, 10].sum()
    assert (0, 8) not in [row.plane for row in place.logic.painting.slices()]
    place.paint(0, [8], size=11)
    rows = {row.plane: row for row in place.logic.painting.slices()}
    assert rows[0, 8].isWhole and set(rows) == {(0, 3), (0, 8), (0, 14), (1, 10)}


def testASliceRemovedFromAPreviewPaintsNothing(place):
    """Though slices of other axes, which cross it, leave their lines on it."""
    place.paint(0, [3, 8, 14], size=12)
    place.paint(1, [10], size=14)
    place.propagate(2, [12], size=14)
    place.logic.painting.remove(10, axis=1)
    assert (1, 10) not in [row.plane for row in place.logic.painting.slices()]
    place.logic.painting.drawAfresh(8, axis=0)
    assert (0, 8) not in [row.plane for row in place.logic.painting.slices()]
    place.logic.updatePropagation()
    place.finish()
    declared = place.workers[-1].calls[-1].options["painted_slices"]
    assert (1, 10) not in [plane for planes in declared.values() for plane in planes]
    place.logic.applyPreview()
    sums = [int(place.read()[:, j].sum()) for j in (9, 10, 11)]
    assert sums[1] >= min(sums[0], sums[2])  # no hole where the slice was


def testAStoppedRunLeavesSlicesThatItDidNotComeTo(place):
    """Also where slices of other axes, and corrections, cross them."""
    place.paint(0, [3, 14])
    place.propagate(1, [10], size=12)
    place.logic.applyPreview()
    now = correct(place, (slice(9, 13), 12, slice(20, 24)), True)
    place.logic.painting.remove(3)
    now[3] = place.read()[3]
    place.logic.startPropagation()
    came = set()
    while len(came) < 2:
        place.logic.poll()
        came |= {place.logic.progress.slice_index} if place.logic.progress else set()
    place.logic.cancel(keepPartialResult=True)
    place.logic.applyPreview()
    others = [index for index in range(SHAPE[0]) if index not in came]
    assert np.array_equal(place.read()[others], now[others])


def testSegmentsThatOverlapOnSlicesOfDifferentAxesAreFilledApart(place):
    organ = place.paint(0, [3, 8], size=20)
    place.paint(1, [30])  # a slice that both have, without overlap there
    organ = place.paint(1, [12], size=20)
    other = place.paint(1, [30], place.other, size=3) & False
    other[2:10, 8:20, 22] = True
    other[3, 30, 30:40] = other[8, 30, 30:40] = True
    place.write(other, place.other)
    place.logic.editorNode.SetOverwriteMode(slicer.vtkMRMLSegmentEditorNode.OverwriteNone)
    place.logic.parameters = Parameters(scope="visible")
    job = place.logic._prepared()
    for label, mask in ((1, organ), (2, other)):
        assert np.array_equal((job.layers == label).any(axis=0), mask)


def testMemoryOfALargeOrganIsSmall():
    """A ball of 300 x 300 x 150 voxels with a rough surface."""
    from PatchICLSegmentLib.SceneIO.Voxels import Voxels

    k, j, i = np.ogrid[-75:75, -150:150, -150:150]
    rough = np.random.default_rng(0).normal(0, 2, (15, 30, 30)).repeat(10, 0).repeat(10, 1).repeat(10, 2)
    mask = np.sqrt((2 * k) ** 2 + j**2 + i**2) + rough < 140
    text = Voxels((3, 4, 5), mask).toText()
    assert len(text) < 130e3 and not set(text) & set("|:\\\n")
    segment = slicer.vtkSegment()
    SegmentMemory(0, written=Voxels((3, 4, 5), mask)).store(segment)
    assert np.array_equal(SegmentMemory.of(segment).written.array, mask)
