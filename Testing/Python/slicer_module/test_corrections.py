"""Corrections in any view: what the user touched is as they left it, whatever is propagated, undone and applied.

The commit's run is short; `PATCHICL_RANDOM_STEPS` as for test_any_order.py.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import pytest

pytest.importorskip("slicer", reason="needs slicer-core (pip install slicer-core)")

import slicer
import slicer.util
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from PatchICLSegmentLib.Errors import SceneError
from PatchICLSegmentLib.Evidence import SINGLE
from PatchICLSegmentLib.Logic import PatchICLSegmentLogic
from PatchICLSegmentLib.Parameters import Parameters
from PatchICLSegmentLib.SceneIO.SegmentMemory import SegmentMemory
from PatchICLSegmentLib.SceneIO.Segments import orientedImage
from PatchICLSegmentLib.State import State

from Testing.StandIn.Headless import HeadlessSlicer
from Testing.StandIn.Worker import NearestSliceWorker

from .conftest import SHAPE, Workplace, straightGeometry
from .random_steps import run_random_steps

SIZE = (11, 16, 18)
STEPS_OF_AN_EXAMPLE = 25
segments = st.integers(0, 1)
strokes = {
    "axis": st.sampled_from([0, 1, 2]),
    "start": st.tuples(st.integers(1, 8), st.integers(2, 12), st.integers(2, 14)),
    "size": st.tuples(*[st.integers(1, 3)] * 3),
    "erase": st.booleans(),
    "sphere": st.booleans(),
    "which": segments,
}


@dataclass(frozen=True)
class Held:
    """What a segment holds, (K, J, I) bool each.

    Attributes:
        voxels: as the rules made them.
        written: the same after the last Apply.
        decided: voxels that were touched before that; they stay decided.
    """

    voxels: np.ndarray = field(default_factory=lambda: np.zeros(SIZE, bool))
    written: np.ndarray = field(default_factory=lambda: np.zeros(SIZE, bool))
    decided: np.ndarray = field(default_factory=lambda: np.zeros(SIZE, bool))

    @property
    def touched(self):
        return self.decided | (self.voxels ^ self.written)


class Corrections(RuleBasedStateMachine):
    """Attributes:
    held: by identifier of the segment.
    past, future: states that undo and redo lead to.
    began, known: by segment, its voxels when the run of the preview began, and those that were touched then.
    happened: how often what, over all examples.
    """

    happened: ClassVar[Counter] = Counter()

    def __init__(self):
        super().__init__()
        self.application = HeadlessSlicer()
        scene = self.application.scene
        image = np.random.default_rng(0).normal(100, 15, SIZE).astype(np.int16)
        self.volume = slicer.util.addVolumeFromArray(image, straightGeometry(), "ct")
        self.logic = PatchICLSegmentLogic(scene, makeWorker=lambda *_: NearestSliceWorker())
        self.logic.select(self.volume, None)
        self.node = self.logic.createSegmentation()
        self.names = [self.logic.segmentId, self.node.GetSegmentation().AddEmptySegment("other", "other")]
        self.logic.editorNode.SetOverwriteMode(slicer.vtkMRMLSegmentEditorNode.OverwriteNone)
        self.held = {name: Held() for name in self.names}
        self.past, self.future, self.began, self.known = [], [], {}, {}
        for which, planes in enumerate([((0, 2), (0, 8), (1, 7)), ((0, 3), (0, 9))]):
            for axis, index in planes:
                self.paintWholePlane(axis, index, which)

    def teardown(self):
        self.logic.shutdown()
        self.application.close()

    def read(self, name):
        return slicer.util.arrayFromSegmentBinaryLabelmap(self.node, name, self.volume) > 0

    def keep(self):
        """The state before, for undo."""
        self.past, self.future = [*self.past, dict(self.held)][-10:], []

    def paint(self, which, region, value):
        name = self.names[which]
        voxels = self.held[name].voxels.copy()
        voxels[tuple(region)] = value
        self.keep()
        self.held[name] = replace(self.held[name], voxels=voxels)
        self.logic.history().saveStateForUndo()
        logic = slicer.vtkSlicerSegmentationsModuleLogic
        image = orientedImage(voxels, (0, 0, 0), straightGeometry())
        assert logic.SetBinaryLabelmapToSegment(image, self.node, name, logic.MODE_REPLACE)

    def attempt(self, action, *arguments, **named):
        try:
            action(*arguments, **named)
        except SceneError as error:
            assert str(error)
            return False
        return True

    def choose(self, which):
        self.logic.select(self.volume, self.node, self.names[which])

    @invariant()
    def nothingButTheRulesChangesTheSegments(self):
        for name, held in self.held.items():
            assert np.array_equal(self.read(name), held.voxels)

    # The user

    @rule(axis=st.sampled_from([0, 1, 2]), index=st.integers(1, 9), which=segments)
    def paintWholePlane(self, axis, index, which):
        region = [slice(2, 9), slice(3, 12), slice(4, 14)]
        region[axis] = index
        self.paint(which, region, True)

    @rule(**strokes)
    def stroke(self, axis, start, size, erase, sphere, which):
        """In a slice of any view; sometimes as deep as wide."""
        region = [slice(first, first + count) for first, count in zip(start, size, strict=True)]
        if not sphere:
            region[axis] = slice(start[axis], start[axis] + 1)
        self.paint(which, region, not erase)

    @rule(axis=st.sampled_from([0, 1, 2]), index=st.integers(0, 10), which=segments)
    def declareEmpty(self, axis, index, which):
        self.choose(which)
        name, plane = self.names[which], (slice(None),) * axis + (index,)
        if self.attempt(self.logic.painting.setNotOnSlice, index, axis=axis):
            self.keep()
            voxels, decided = self.held[name].voxels.copy(), self.held[name].decided.copy()
            voxels[plane], decided[plane] = False, True
            self.held[name] = replace(self.held[name], voxels=voxels, decided=decided)

    @rule()
    def undo(self):
        if self.logic.history().undo() and self.past:
            self.future.append(self.held)
            self.held = self.past.pop()
            self.happened["undone"] += 1

    @rule()
    def redo(self):
        if self.future and self.logic.history().redo():
            self.past.append(self.held)
            self.held = self.future.pop()

    # The network

    @rule(which=segments, scope=st.sampled_from(["selected", "visible"]))
    def start(self, which, scope):
        self.choose(which)
        self.logic.parameters = Parameters(scope=scope)
        self.begin(self.logic.startPropagation)

    @rule()
    def liveUpdate(self):
        self.begin(self.logic.updatePropagation)

    def begin(self, action):
        before = self.logic.preview
        self.attempt(action)
        if self.logic.preview is not before:
            self.began = {name: held.voxels for name, held in self.held.items()}
            self.known = {name: held.touched & ~self.strays(name) for name, held in self.held.items()}

    def rows(self, name):
        self.logic.select(self.volume, self.node, name)
        return self.logic.painting.slices()

    def strays(self, name):
        """Voxels of slices that were taken for a slip: what is drawn there stays, the rest is filled."""
        found = np.zeros(SIZE, bool)
        for row in self.rows(name):
            if row.isStray:
                found[row.region] = True
        return found & ~self.held[name].voxels

    @rule(times=st.integers(1, 12))
    def poll(self, times):
        for _ in range(times):
            self.logic.poll()

    @rule()
    def finish(self):
        while self.logic.state.isBusy:
            self.logic.poll()
        if self.logic.state is State.PREVIEW and self.logic.results.run is not None:
            for name, box in self.logic.preview.masks().items():
                known, proposal = self.known[name], box.filled()
                assert np.array_equal(proposal[known], self.began[name][known]), "the network was told what is known"
            self.happened["proposed"] += 1

    @initialize(applied=st.booleans())
    def first(self, applied):
        if applied:
            self.work(True, 0, "selected")

    @rule(apply=st.booleans(), which=segments, scope=st.sampled_from(["selected", "visible"]))
    def work(self, apply, which, scope):
        """What one does next."""
        if not self.logic.state.hasPreview or not apply:
            self.start(which, scope)
        self.finish()
        if apply:
            self.apply(True)

    @rule(**strokes, apply=st.booleans(), scope=st.sampled_from(["selected", "visible"]))
    def correct(self, axis, start, size, erase, sphere, which, apply, scope):
        self.work(True, which, scope)
        self.stroke(axis, start, size, erase, sphere, which)
        self.work(apply, which, scope)

    @rule(keep=st.booleans())
    def cancel(self, keep):
        self.logic.cancel(keepPartialResult=keep)
        self.logic.waitForTheRest()

    @rule()
    def discard(self):
        self.logic.discardPreview()

    @rule(finish=st.booleans())
    def apply(self, finish):
        if finish:
            self.finish()
        self.logic.waitForTheRest()
        if not self.logic.state.hasPreview:
            return
        preview = self.logic.preview
        isComplete = preview.completion.value == "finished"
        proposals = {name: box.filled() for name, box in preview.masks().items()}
        rows, strays = ({name: ask(name) for name in proposals} for ask in (self.rows, self.strays))
        if not self.attempt(self.logic.applyPreview):
            return
        self.keep()
        for name, proposal in proposals.items():
            held, result = self.held[name], self.read(name)
            kept = (held.touched | (held.voxels ^ self.began[name])) & ~strays[name]
            for row in rows[name]:
                if not row.isStray:
                    kept[row.region] = True
            assert np.array_equal(result[kept], held.voxels[kept]), "what was touched is as it was left"
            if isComplete:
                free = ~kept & ~held.voxels
                assert np.array_equal(result[free], proposal[free]), "all else is as proposed"
            self.held[name] = Held(result, result.copy(), kept)
            self.happened["corrections"] += sum(not row.isWhole for row in rows[name])
            self.happened["axes"] += len({row.axis for row in rows[name]}) > 1
        self.happened["applied"] += 1
        self.happened["together"] += len(proposals) > 1

    @rule()
    def reloadModule(self):
        self.logic.shutdown()
        self.logic = PatchICLSegmentLogic(self.application.scene, makeWorker=lambda *_: NearestSliceWorker())
        self.past, self.future = [], []


def testWhatTheUserTouchedIsAsTheyLeftIt():
    Corrections.happened.clear()
    run_random_steps(Corrections, STEPS_OF_AN_EXAMPLE, 8)
    print(dict(Corrections.happened))
    assert all(
        Corrections.happened[what] for what in ("proposed", "applied", "together", "corrections", "axes", "undone")
    )


@pytest.fixture
def applied(scene):
    """Three axial slices, propagated and applied."""
    place = Workplace(scene, straightGeometry())
    place.paint(0, [3, 8, 14])
    place.runToPreview()
    place.logic.applyPreview()
    place.before = place.read()
    yield place
    place.logic.shutdown()


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
    assert not applied.logic.preview.masks()[applied.organ].filled()[5:8, 10, 8:12].any()
    applied.logic.applyPreview()
    assert not applied.read()[5:8, 10, 8:12].any() and applied.read()[5:8, 9, 8:12].all()


def testACorrectionOverAPreviewCountsInItsBoxOnly(scene):
    place = Workplace(scene, straightGeometry())
    place.paint(0, [3, 14])
    place.runToPreview()
    mask = correct(place, (slice(5, 9), 10, slice(16, 20)), True)
    rows = place.logic.painting.slices()
    assert [(row.plane, row.isWhole) for row in rows] == [((0, 3), True), ((0, 14), True), ((1, 10), False)]
    place.logic.updatePropagation()
    while place.logic.state.isBusy:
        place.logic.poll()
    proposal = place.logic.preview.masks()[place.organ].filled()
    assert proposal[5:9, 10, 16:20].all() and proposal[7, 10, 6:15].all(), "the coronal slice is filled around it"
    place.logic.applyPreview()
    assert (place.read()[mask]).all()
    place.logic.shutdown()


@pytest.mark.parametrize("how", ["keeps", "is saved"])
def testWhatWasCorrectedStaysCorrected(applied, tmp_path, how):
    correct(applied, (slice(4, 7), 10, slice(8, 12)), False)
    applied.runToPreview()
    applied.logic.applyPreview()
    if how == "is saved":
        scene, path = applied.scene, str(tmp_path / "é; a:b.mrb")
        applied.logic.shutdown()
        assert scene.WriteToMRB(path)
        scene.Clear(True)
        assert scene.ReadFromMRB(path)
        applied.logic = PatchICLSegmentLogic(scene, makeWorker=applied.makeWorker)
        applied.volume, applied.segmentation = applied.logic.volumeNode, applied.logic.segmentationNode
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


def testDrawingAfreshLeavesWhatOtherSlicesShowThere(scene):
    place = Workplace(scene, straightGeometry())
    place.paint(0, [3, 14], size=12)
    drawn = place.paint(1, [10], size=8)
    place.runToPreview()
    place.logic.applyPreview()
    place.logic.painting.drawAfresh(8)
    assert np.array_equal(place.read()[8, 10], drawn[8, 10]) and place.read()[8].sum() == drawn[8, 10].sum()
    assert (0, 8) not in [row.plane for row in place.logic.painting.slices()]
    place.paint(0, [8], size=11)
    rows = {row.plane: row for row in place.logic.painting.slices()}
    assert rows[0, 8].isWhole and set(rows) == {(0, 3), (0, 8), (0, 14), (1, 10)}
    place.logic.shutdown()


def testASliceRemovedFromAPreviewPaintsNothing(scene):
    """Though slices of other axes, which cross it, leave their lines on it."""
    place = Workplace(scene, straightGeometry())
    place.paint(0, [3, 8, 14], size=12)
    place.paint(1, [10], size=14)
    place.paint(2, [12], size=14)
    place.runToPreview()
    place.logic.painting.remove(10, axis=1)
    assert (1, 10) not in [row.plane for row in place.logic.painting.slices()]
    place.logic.painting.drawAfresh(8, axis=0)
    assert (0, 8) not in [row.plane for row in place.logic.painting.slices()]
    place.logic.updatePropagation()
    while place.logic.state.isBusy:
        place.logic.poll()
    declared = place.workers[-1].calls[-1].options["painted_slices"]
    assert (1, 10) not in [plane for planes in declared.values() for plane in planes]
    place.logic.applyPreview()
    sums = [int(place.read()[:, j].sum()) for j in (9, 10, 11)]
    assert sums[1] >= min(sums[0], sums[2])  # no hole where the slice was
    place.logic.shutdown()


def testAStoppedRunLeavesSlicesThatItDidNotComeTo(scene):
    """Also where slices of other axes, and corrections, cross them."""
    place = Workplace(scene, straightGeometry())
    place.paint(0, [3, 14])
    place.paint(1, [10], size=12)
    place.runToPreview()
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
    place.logic.shutdown()


def testSegmentsThatOverlapOnSlicesOfDifferentAxesAreFilledApart(scene):
    place = Workplace(scene, straightGeometry())
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
    place.logic.shutdown()


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
