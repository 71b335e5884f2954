"""Corrections in any view: what the user touched is as they left it, whatever is propagated, undone and applied.

The commit's run is short; `PATCHICL_RANDOM_STEPS` as for test_any_order.py.
"""

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
from PatchICLSegmentLib.Logic import PatchICLSegmentLogic
from PatchICLSegmentLib.Parameters import Parameters
from PatchICLSegmentLib.SceneIO.Segments import orientedImage
from PatchICLSegmentLib.State import State

from Testing.StandIn.Headless import HeadlessSlicer
from Testing.StandIn.Worker import NearestSliceWorker

from .conftest import straightGeometry
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
