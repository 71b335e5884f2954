"""Whatever is done in whatever order: no exception, nothing painted changes but by Apply, undo brings back everything.

The commit's run is short. `PATCHICL_RANDOM_STEPS=2000 pytest Testing/Python/slicer_module/test_any_order.py` takes
2,000 steps or more, with other seeds every time; a failure prints the steps that lead to it.
"""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("slicer", reason="needs slicer-core (pip install slicer-core)")

import slicer
import slicer.util
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from PatchICLSegmentLib.Parameters import Parameters
from PatchICLSegmentLib.SceneIO.Segments import orientedImage
from PatchICLSegmentLib.State import State

from .conftest import straightGeometry, warpNode
from .expected_scene import ExpectedScene, Points, placed, situation, worldOf
from .random_steps import run_random_steps

SHAPE = (9, 12, 14)
STEPS_OF_AN_EXAMPLE = 40
UNDO_STATES = 10
number = st.integers(0, 2**16)


class AnyOrder(ExpectedScene):
    """What is done, in whatever order."""

    # Scene

    @initialize()
    def begin(self):
        self.ready()

    def ready(self):
        """Everything in its place, something painted: from here a run can start."""
        if not self.volumes:
            self.addVolume(0)
        self.putAllBack()
        node = self.logic.segmentationNode
        self.logic.select(self.volumes[0], node, None)
        if node is None or not self.expected[node]:
            self.logic.select(self.volumes[0], None)
            self.createSegmentation()
        if self.logic.state is State.IDLE:
            self.stroke(0, 2, 0, False)
            self.stroke(0, 6, 1, False)

    @rule(times=st.integers(1, 4), which=number)
    def proceedToo(self, times, which):
        """Half of the steps."""
        self.proceed(times, which)

    @rule(times=st.integers(1, 4), which=number)
    def proceed(self, times, which):
        """What one does next; where that is not possible, everything is put in its place."""
        state = self.logic.state
        if state is State.IDLE and which % 3 == 0:
            (self.undo, self.undo, self.redo)[which % 9 // 3]()
        elif state is State.IDLE:
            if not self.start():
                self.ready()
                self.start()
        elif state is State.RUNNING and which % 5 == 0:
            self.logic.cancel(True)
        elif state is State.PREVIEW:
            if not self.apply():
                self.discard()
        elif state is State.UNFINISHED:
            (self.keepUnfinished, self.goOn)[which % 2]()
        else:
            self.poll(times)

    @rule(
        how=st.sampled_from(
            ["select", "settings", "cancel", "keep", "discard", "keepUnfinished", "goOn"]
            + ["start", "apply", "undo", "redo", "look", "poll"]
        ),
        which=number,
    )
    def press(self, how, which):
        """What is there to be pressed, whether or not it makes sense now."""
        {
            "select": lambda: self.select(which, which // 5, which // 25),
            "settings": lambda: self.settings(which),
            "cancel": lambda: self.logic.cancel(False),
            "keep": lambda: self.logic.cancel(True),
            "poll": lambda: self.poll(which % 8),
        }.get(how, getattr(self, how, None))()

    @rule(
        how=st.sampled_from(
            ["addVolume", "createSegmentation", "addTransform", "addSegment", "removeSegment", "closeScene"]
            + ["move", "warp", "changeVolume", "removeNode", "saveScene", "importScene", "reloadModule", "failure"]
        ),
        which=number,
        flag=st.booleans(),
    )
    def disturb(self, how, which, flag):
        """What may happen at any time, beside the work."""
        self.happened[how] += 1
        getattr(self, how)(which, flag)

    def addVolume(self, slices, _flag=False):
        if len(self.volumes) > 3:
            return
        shape = (SHAPE[0] - slices % 3, *SHAPE[1:])
        array = np.random.default_rng(slices).normal(100, 15, shape).astype(np.int16)
        slicer.util.addVolumeFromArray(array, straightGeometry(), self.scene.GenerateUniqueName("volume"))

    def createSegmentation(self, *_):
        made = []
        if len(self.segmentations) > 3:
            return
        if self.attempt(lambda: made.append(self.logic.createSegmentation())):
            self.register(made[0])

    def addTransform(self, which, _flag):
        if len(self.transforms) < 3:
            node = self.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
            matrix = np.eye(4)
            # By whole voxels, too: then the grids still fit.
            matrix[:3, 3] = ((5.1, -7.3, 6.4), (1.6, 0.0, 2.5))[which % 2]
            node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))

    def move(self, which, together):
        if not self.transforms:
            self.addTransform(which, False)
        nodes = [*self.volumes, *self.segmentations]
        transforms = [None, *self.transforms]
        transform = transforms[which % len(transforms)]
        for node in nodes if together else nodes[which // 8 % max(len(nodes), 1) :][:1]:
            node.SetAndObserveTransformNodeID(transform.GetID() if transform is not None else None)

    def putAllBack(self):
        for node in [*self.volumes, *self.segmentations]:
            node.SetAndObserveTransformNodeID(None)
        for node in self.volumes:
            node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(straightGeometry()))

    def warp(self, what, _flag):
        nodes = [*self.volumes, *self.segmentations]
        if nodes:
            warpNode(self.scene, nodes[what % len(nodes)])

    def changeVolume(self, which, _flag):
        if not self.volumes:
            return
        node = self.volumes[which // 8 % len(self.volumes)]
        how = ("spacing", "origin", "fewer", "more", "voxels", "nothing")[which % 6]
        array = slicer.util.arrayFromVolume(node) if node.GetImageData() is not None else np.zeros(SHAPE, np.int16)
        if how == "spacing":
            node.SetSpacing(0.8, 0.9, 2.6)
        elif how == "origin":
            node.SetOrigin(3.0, 2.0, 1.0)
        elif how == "fewer":
            slicer.util.updateVolumeFromArray(node, array[: max(len(array) - 2, 1)].copy())
        elif how == "more":
            slicer.util.updateVolumeFromArray(node, np.concatenate([array, array[:2]]))
        elif how == "voxels":
            slicer.util.updateVolumeFromArray(node, array[::-1].copy())
        else:
            node.SetAndObserveImageData(None)

    def removeNode(self, what, _flag):
        nodes = [*self.volumes, *self.segmentations, *self.transforms]
        if self.logic.preview is not None:
            nodes.append(self.logic.preview.node)
        if nodes:
            node = nodes[what % len(nodes)]
            self.forget(node)
            self.scene.RemoveNode(node)

    def closeScene(self, *_):
        self.scene.Clear(False)
        for node in list(self.expected):
            self.forget(node)
        assert self.logic.state is State.IDLE

    def saveScene(self, *_):
        path = str(Path(self.folder.name, "scene.mrb"))
        if any(not node.IsLinear() for node in self.transforms):
            return  # slicer-core has no writer for them
        assert self.scene.WriteToMRB(path)
        self.saved = {node.GetName(): dict(self.expected[node]) for node in self.segmentations}
        if self.logic.preview is not None:
            self.saved[self.logic.preview.node.GetName()] = self.contents(self.logic.preview.node)

    def importScene(self, _which, close):
        if not self.saved or len(self.segmentations) > 4:
            return
        if close:
            self.closeScene()
        known = set(self.segmentations)
        assert self.scene.ReadFromMRB(str(Path(self.folder.name, "scene.mrb")))
        for node in self.segmentations:
            if node not in known:
                self.register(node)
                assert self.expected[node] == self.saved[node.GetName()]

    # Painting

    def select(self, volume, segmentation, segment):
        volumes, segmentations = [None, *self.volumes], [None, *self.segmentations]
        node = segmentations[segmentation % len(segmentations)]
        names = [None, *(node.GetSegmentation().GetSegmentIDs() if node is not None else ())]
        self.logic.select(volumes[volume % len(volumes)], node, names[segment % len(names)])

    def addSegment(self, *_):
        node = self.logic.segmentationNode
        if node is not None and len(self.expected[node]) < 3:
            self.saveForUndo()
            name = node.GetSegmentation().AddEmptySegment()
            self.expected[node][name] = self.painted[node][name] = frozenset()

    def removeSegment(self, which, _flag):
        node = self.logic.segmentationNode
        names = list(self.expected[node]) if node is not None else []
        if names:
            self.saveForUndo()
            name = names[which % len(names)]
            del self.expected[node][name], self.painted[node][name]
            node.GetSegmentation().RemoveSegment(name)

    @rule(axis=st.sampled_from([0, 0, 0, 0, 1, 2]), index=number, size=number, erase=st.booleans())
    def stroke(self, axis, index, size, erase):
        """Adds a square to a slice of the selected segment, or empties the slice."""
        node, name = self.logic.segmentationNode, self.logic.segmentId
        if node is None or name not in self.expected[node]:
            return
        self.saveForUndo()
        region = [slice(2, 6 + size % 3)] * 3
        stroke = np.zeros(SHAPE, bool)
        region[axis] = index % SHAPE[axis]
        stroke[(slice(None),) * axis + (region[axis],) if erase else tuple(region)] = True
        matrix = straightGeometry()
        points = placed(np.argwhere(stroke)[:, ::-1], matrix)
        held, fromHand = self.expected[node][name], self.painted[node][name]
        # A stroke over what is there already changes nothing, and nobody can tell that it was made.
        self.painted[node][name] = fromHand - points if erase else fromHand | (points - held)
        self.expected[node][name] = held - points if erase else held | points
        # On the grid that all volumes have at first, grown to what is there.
        indices = np.array(sorted(self.expected[node][name])).reshape(-1, 3) - matrix[:3, 3]
        kji = np.round(indices @ np.linalg.inv(matrix[:3, :3]).T).astype(int)[:, ::-1]
        first = np.minimum(kji.min(axis=0), 0) if len(kji) else np.zeros(3, int)
        last = np.maximum(kji.max(axis=0) + 1, SHAPE) if len(kji) else np.array(SHAPE)
        mask = np.zeros(last - first, bool)
        mask[tuple((kji - first).T)] = True
        logic = slicer.vtkSlicerSegmentationsModuleLogic
        image = orientedImage(mask, tuple(int(v) for v in first), matrix)
        assert logic.SetBinaryLabelmapToSegment(image, node, name, logic.MODE_REPLACE)

    def undo(self):
        self.restore(lambda history: history.undo(), self.past, self.future)

    def redo(self):
        self.restore(lambda history: history.redo(), self.future, self.past)

    def restore(self, act, source, target):
        done = []
        if not self.attempt(lambda: done.append(act(self.logic.history()))):
            return
        node = self.logic.segmentationNode
        if done[0]:
            self.happened["restored"] += 1
            target[node].append(self.state(node))
            self.expected[node], self.painted[node] = source[node].pop()
        elif source is self.past:
            assert not self.past[node] or self.undoIsExhausted(node)
            self.past[node].clear()
        else:
            self.future[node].clear()  # Slicer forgets it when anything is changed

    def undoIsExhausted(self, node) -> bool:
        return len(self.past[node]) + len(self.future[node]) >= UNDO_STATES

    # Propagating

    def settings(self, which):
        self.logic.parameters = Parameters(scope=("selected", "visible")[which % 2], completedExclude=which % 3 == 0)
        node, segmentation = self.logic.editorNode, self.logic.segmentationNode
        node.SetOverwriteMode((node.OverwriteAllSegments, node.OverwriteNone)[which // 2 % 2])
        names = [*(segmentation.GetSegmentation().GetSegmentIDs() if segmentation is not None else ()), "gone"]
        node.SetMaskSegmentID(names[which % len(names)])
        node.SetMaskMode(which // 4 % 7 % slicer.vtkMRMLSegmentationNode.EditAllowed_Last)

    def start(self):
        return self.begun(self.logic.startPropagation)

    def begun(self, action):
        before = self.logic.preview
        done = self.attempt(action)
        if self.logic.preview is not before:
            preview = self.logic.preview
            self.began[preview.node] = situation(preview.volumeNode, preview.segmentationNode)
        return done

    def goOn(self):
        self.begun(self.logic.goOn)

    def poll(self, times):
        for _ in range(times):
            self.logic.poll()

    def failure(self, _which, died):
        if not self.workers:
            return
        self.workers[-1].died, self.workers[-1].failure = died, "The worker was ended."

    def keepUnfinished(self):
        self.logic.keepUnfinished()

    def discard(self):
        self.logic.discardPreview()
        assert not self.logic.state.hasPreview

    def reloadModule(self, *_):
        self.logic.shutdown()
        self.logic = self.makeLogic()
        for node in self.expected:
            self.past[node], self.future[node] = [], []

    def look(self):
        """What the panel asks after any of this."""
        logic = self.logic
        for question in (logic.painting.slices, logic.views.nextSlice, logic.views.slicesToReview, logic.regionSpans):
            self.attempt(question)
        self.attempt(logic.views.updateEntropy)
        self.attempt(logic.views.updatePatches)
        self.attempt(logic.views.inspectionTiles)
        if logic.previewProblem is not None:
            self.checkSentence(logic.previewProblem)

    def apply(self):
        logic = self.logic
        logic.waitForTheRest()
        if not logic.state.hasPreview:
            return self.attempt(logic.applyPreview)
        preview = logic.preview
        node = preview.segmentationNode
        toNode = np.linalg.inv(worldOf(node)) @ worldOf(preview.node)
        shown = {name: placed(np.array(list(points)), toNode) for name, points in self.contents(preview.node).items()}
        isUnfinished, fits = logic.state is State.UNFINISHED, situation(preview.volumeNode, node)
        before, allowsOverlap = self.state(node), logic.editorNode.GetOverwriteMode() == logic.editorNode.OverwriteNone
        if not self.attempt(logic.applyPreview):
            assert logic.preview is preview
            return False
        assert logic.state is State.IDLE and logic.segmentationNode is node and not isUnfinished
        assert self.began.get(preview.node, fits) == fits, "what the run began with"
        now = self.contents(node)
        assert now.keys() == before[0].keys()
        gained = frozenset().union(*(now[name] - before[0][name] for name in shown))
        back: Points = frozenset()  # what a segment that was carved out of another gives back to it
        if logic.editorNode.GetMaskMode() == slicer.vtkMRMLSegmentationNode.EditAllowedInsideSingleSegment:
            back = frozenset().union(*(before[0][name] - now[name] for name in shown))
        for name, points in now.items():
            if name not in shown:
                assert points - back == (before[0][name] if allowsOverlap else before[0][name] - gained) - back
                continue
            others = frozenset().union(*(now[other] for other in now if other != name))
            assert points <= shown[name] | before[0][name] | back, "nothing comes that was not shown"
            lost = self.painted[node][name] - points
            assert not lost if allowsOverlap else lost <= others, "painted voxels stay"
        self.past[node].append(before)
        self.future[node].clear()
        self.expected[node] = now
        self.painted[node] = {name: self.painted[node][name] & now[name] for name in now}
        self.happened["applied"] += 1
        return True


def testAnyOrder():
    AnyOrder.happened.clear()
    steps = run_random_steps(AnyOrder, STEPS_OF_AN_EXAMPLE, 6)
    print(dict(AnyOrder.happened))
    assert AnyOrder.happened["step"] >= (steps or 100) and AnyOrder.happened["preview"]
    if steps:
        assert {"applied", "restored", "running", "keeping", "unfinished"} <= AnyOrder.happened.keys()
