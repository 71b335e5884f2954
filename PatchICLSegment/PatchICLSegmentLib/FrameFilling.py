"""All frames of a sequence from the segmentation of the one that is shown, one after the other, by the motion."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from PatchICLLib.follow import LEAST_ALIKE
from PatchICLLib.follow.finished import looks_finished
from PatchICLLib.segmentations.segmentation import layered

from .Errors import SceneError
from .SceneIO.Frames import Frames, FrameSegmentations, SegmentLook
from .SceneIO.Segments import SegmentBox, boxOfVoxels, readSegment, segmentIds
from .SceneIO.Volumes import VolumeGrid
from .Signal import Signal
from .State import State
from .Translation import _, counted


@dataclass(frozen=True)
class FrameJob:
    """One frame for the worker; attributes as of `Job`. Segments only move: no evidence is needed."""

    image: np.ndarray
    painted: np.ndarray
    grid: VolumeGrid
    options: Mapping[str, Any]
    evidence: ClassVar[np.ndarray | None] = None


@dataclass
class _Run:
    """What is being filled.

    Attributes:
        source: the segmentation node of the painted frame.
        looks, boxes: segments of the painted frame by identifier.
        labels: the same as a label map, or layers of it, with the label of each identifier in `values`.
        image: of the painted frame, a copy: the user may go to another frame meanwhile.
        steps: what the worker is to do, the last one first.
        alike: by frame, as far as they are filled.
    """

    frames: Frames
    source: Any
    looks: dict[str, SegmentLook]
    boxes: dict[str, SegmentBox]
    labels: np.ndarray
    values: dict[str, int]
    image: np.ndarray
    steps: list[tuple[str, int]]
    alike: dict[int, float]
    result: FrameSegmentations | None = None


class FrameFilling:
    """Args: logic: whose volume and segmentation are meant; session: with its worker.

    Attributes:
        changed: signal without arguments: begun, a frame filled, ended, taken back.
        told: what has become of it, a sentence, "" before the first time.
    """

    def __init__(self, logic, session):
        self.logic, self._session = logic, session
        self.changed = Signal()
        self.told = ""
        self._run: _Run | None = None

    @property
    def isBusy(self) -> bool:
        return self._run is not None

    @property
    def frames(self) -> Frames | None:
        """Of the selected volume; None where it is no frame of a sequence."""
        return Frames.of(self.logic.scene, self.logic.volumeNode)

    def paintedOnSlices(self) -> list[str]:
        """Names of the segments that do not look finished: they would be carried with empty slices in between.

        Raises:
            SceneError: they cannot be read.
        """
        painted = [name for name, box in self._boxes().items() if not looks_finished(box.voxels, box.shape)]
        return [self.logic.segmentationNode.GetSegmentation().GetSegment(name).GetName() for name in painted]

    def start(self, asDrawn: bool = False) -> None:
        """Begins to fill all frames but the one that is shown, and returns at once; `poll` of the logic goes on.

        Args:
            asDrawn: also what looks painted on slices, as only its author knows better.

        Raises:
            SceneError: what is missing, in one sentence. Nothing has changed then.
        """
        logic = self.logic
        logic.checkNetworkIsFree()
        if logic.state is not State.IDLE:
            raise SceneError(_("Apply or discard the preview first: the frames follow what is in the segments."))
        frames = self.frames
        if frames is None:
            raise SceneError(_("The volume is no frame of a sequence."))
        frames.check()
        boxes = self._boxes()
        if not boxes:
            raise SceneError(_("Nothing is segmented on this frame; select a segment that is, and show it (eye icon)."))
        painted = [] if asDrawn else self.paintedOnSlices()
        if painted:
            raise SceneError(
                _("Painted on slices only: {names}. Propagate and apply it on this frame first.").format(
                    names=", ".join(painted)
                )
            )
        values = {segmentId: value for value, segmentId in enumerate(boxes, start=1)}
        segmentation, count = logic.segmentationNode.GetSegmentation(), len(frames.values)
        ways = (range(frames.current + 1, count), range(frames.current - 1, -1, -1))
        steps = [
            step for way in ways if way for step in (("painted", frames.current), *(("next", number) for number in way))
        ]
        self._run = _Run(
            frames,
            logic.segmentationNode,
            {segmentId: SegmentLook.of(segmentation.GetSegment(segmentId)) for segmentId in boxes},
            boxes,
            layered({values[name]: (box.region, box.voxels) for name, box in boxes.items()}, frames.grid.shape),
            values,
            frames.image(frames.current).copy(),
            steps[::-1],
            {},
        )
        self._submit(self._run)

    def take(self, event) -> None:
        """An event of the worker."""
        run = self._run
        if run is None or event.kind == "progress":
            return
        if event.kind != "result":
            self._end("" if event.kind == "cancelled" else event.message)
            return
        step, number = run.steps.pop()
        if step == "next":
            self._keep(run, number, event.result.labels)
            run.alike[number] = event.result.report["alike"]
        if not run.steps:
            self._end()
            return
        try:
            self._submit(run)
        except SceneError as error:  # The sequence is another than it was.
            self._end(str(error))

    def cancel(self) -> None:
        """Stops; frames that are filled stay."""
        if self.isBusy:
            self._session.cancel()
            self._end()

    def discard(self) -> None:
        """Takes back what was made last beside the frames of the volume."""
        self.cancel()
        frames = self.frames
        filled = None if frames is None else frames.filled()
        if filled is not None:
            filled.remove()
            self.told = _("The segmentations of the frames are gone.")
            self.changed.emit()

    def forget(self) -> None:
        """The scene is going."""
        if self.isBusy:
            self._session.cancel()
            self._session.forgetJob()
        self._run, self.told = None, ""

    def onNodeRemoved(self, node) -> None:
        """A node is about to leave the scene."""
        run = self._run
        if run is None:
            return
        needed = [run.frames.browser, run.frames.sequence, run.frames.volumeNode, run.source]
        if run.result is not None:
            needed += [run.result.sequence, run.result.proxy]
        if any(node is one for one in needed):
            self._session.cancel()
            self._end(_("{name} was removed while frames were being filled.").format(name=node.GetName()))

    def _boxes(self) -> dict[str, SegmentBox]:
        """Voxels of the segments that are to be followed, as far as they have any."""
        logic = self.logic
        node = logic.segmentationNode
        chosen = [] if node is None else segmentIds(node, onlyVisible=True)
        if logic.parameters.scope != "visible":
            chosen = [name for name in chosen if name == logic.segmentId]
        boxes = {name: readSegment(node, name, logic.volumeNode) for name in chosen}
        return {name: box for name, box in boxes.items() if not box.isEmpty}

    def _submit(self, run: _Run) -> None:
        step, number = run.steps[-1]
        image = run.image if step == "painted" else run.frames.image(number)
        options = {"follow": step, "outputs": frozenset()}
        parameters = self.logic.parameters
        job = FrameJob(image, run.labels, run.frames.grid, options)
        self._session.submit(job, parameters.device, parameters.weights)
        self.told = _("Frame {number} of {count}...").format(
            number=min(len(run.alike) + 2, len(run.frames.values)), count=len(run.frames.values)
        )
        self.changed.emit()

    def _keep(self, run: _Run, number: int, labels: np.ndarray) -> None:
        if run.result is None:
            run.result = FrameSegmentations.create(run.frames, run.source, run.looks, run.boxes)
        run.result.write(number, run.looks, {name: _boxOf(labels, value) for name, value in run.values.items()})

    def _end(self, problem: str = "") -> None:
        run, self._run = self._run, None
        self._session.forgetJob()
        count = len(run.alike)
        told = counted(count, _("1 other frame is filled."), _("{count} other frames are filled.")).format(count=count)
        unlike = [run.frames.name(number) for number, alike in sorted(run.alike.items()) if alike < LEAST_ALIKE]
        if unlike:
            told = _("{told} Little like the painted one, look at them: {frames}.").format(
                told=told, frames=", ".join(unlike)
            )
        if run.steps:
            told = _("Stopped. {told}").format(told=told)
        self.told = told
        self.changed.emit()
        if problem:
            self.logic.failed.emit(problem)


def _boxOf(labels: np.ndarray, value: int) -> SegmentBox:
    mask = labels == value
    mask = mask.any(axis=0) if mask.ndim == 4 else mask
    box = boxOfVoxels(mask)
    if box is None:
        return SegmentBox(mask.shape, (0, 0, 0), np.zeros((0, 0, 0), bool))
    k, j, i = box
    return SegmentBox(mask.shape, (k.start, j.start, i.start), mask[box])
