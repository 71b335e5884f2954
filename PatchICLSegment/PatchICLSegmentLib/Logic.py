"""The state of the module: from painted slices through a running propagation to a preview.

Everything here runs on a MRML scene without Qt. Whoever uses it calls `poll()` from time to time while a run is on: the
panel by a timer, a script in a loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from .Errors import SceneError
from .Job import Job, prepareJob
from .LogitsRequest import LogitsRequest
from .PaintingActions import PaintingActions
from .Parameters import ParameterNode
from .Preview import Preview
from .Protocols import UndoKeeper, WorkerFactory
from .Results import Results
from .ResultViews import ResultViews
from .SceneIO.Volumes import frameOfVolume, volumeFingerprint
from .SceneWatch import SceneWatch
from .Selection import Selection
from .Signal import Signal
from .State import State
from .Translation import _
from .Waiting import Waiting
from .WorkerSession import WorkerSession, defaultWorker
from .Writing import checkFrame, writeProposal

# A worker that has not handed over what belongs to a kept preview by then is replaced.
CANCEL_PATIENCE_SECONDS = 35.0


class PatchICLSegmentLogic(Selection, Waiting):
    """Propagates painted slices.

    Example (a script without panel):
        logic = PatchICLSegmentLogic(scene)
        logic.select(volumeNode, segmentationNode, segmentId)
        logic.propagate()  # waits; startPropagation() and poll() do not
        logic.applyPreview()

    Attributes:
        stateChanged, progressChanged, paintingChanged, resultsChanged: signals without arguments.
        failed: signal with one sentence for the user.
        sceneReplaced: the scene was closed or another one loaded; everything may be different.
        progress: the worker's latest Progress, or None.
        timings: of the last run, as in its report, or None.
        painting: declarations and clearings of single slices, see PaintingActions.
        views: layers and jumps in the slice views, see ResultViews.
        logits: of one slice before and after each level, see LogitsRequest.
    """

    def __init__(
        self,
        scene,
        makeWorker: WorkerFactory = defaultWorker,
        undoKeeper: UndoKeeper | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        Selection.__init__(self, scene, undoKeeper)
        self.clock = clock
        self.stateChanged, self.progressChanged = Signal(), Signal()
        self.resultsChanged = Signal()
        self.failed, self.sceneReplaced = Signal(), Signal()
        self.progress = None
        self.timings: dict | None = None
        self._state = State.IDLE
        self._session = WorkerSession(makeWorker)
        self.workerHealth = self._session.health
        self.logits = LogitsRequest(self, self._session)
        self._job: Job | None = None
        self._fingerprint: tuple = ()
        self._keptAt = 0.0
        self._writing = False
        self.results = Results(scene, self.parameterNode)
        self.preview = Preview.ofNode(self.parameterNode.reference("Preview"))
        self.painting = PaintingActions(self)
        self.views = ResultViews(self)
        self._watch = SceneWatch(scene)
        self._watch.sceneClosing.connect(self._onSceneClosing)
        self._watch.sceneClosed.connect(self._onSceneClosed)
        self._watch.nodeRemoved.connect(self._onNodeRemoved)
        self._watch.segmentsChanged.connect(self._onSegmentsChanged)
        self._watch.watch(self.segmentationNode)
        if self.preview is not None:
            self._state = State.PREVIEW

    @property
    def state(self) -> State:
        return self._state

    def select(self, volumeNode, segmentationNode, segmentId: str | None = None) -> None:
        self._watch.watch(segmentationNode)
        Selection.select(self, volumeNode, segmentationNode, segmentId)

    def startPropagation(self) -> None:
        """Starts to propagate and returns at once.

        Raises:
            SceneError: what is missing, in one sentence. Nothing has changed then.
        """
        if self._state.isBusy:
            raise SceneError(_("A propagation is running already; wait for it or cancel it."))
        parameters = self.parameters
        job = prepareJob(self.volumeNode, self.segmentationNode, self.segmentId, parameters, self.regionNode)
        self.logits.stop()
        self._dropPreview()
        self._job = job
        self._fingerprint = volumeFingerprint(self.volumeNode)
        self.progress = None
        self.preview = Preview.create(self.scene, self.segmentationNode, self.volumeNode, job.labels, job.axis)
        self.preview.showVolume(job.painted)
        self.preview.setOpacity(parameters.previewOpacity)
        self._session.submit(job, parameters.device, parameters.weights)
        self._setState(State.PREPARING)

    def poll(self) -> None:
        """Takes what the worker has to say; never blocks."""
        if self._state is State.KEEPING:
            self._pollKept()
            return
        if not self._state.isBusy:
            for event in self._session.poll():  # an answer, or the end of a run that was dropped
                self.logits.take(event)
            return
        if volumeFingerprint(self.volumeNode) != self._fingerprint:
            self._abort(
                _("The volume {name} changed while it was being propagated; propagate again.").format(
                    name=self.volumeNode.GetName()
                )
            )
            return
        for event in self._session.poll():
            if not self._state.isBusy:
                return
            self._take(event)

    def cancel(self, keepPartialResult: bool = False) -> None:
        """Stops the run at once; what is finished becomes a preview, or is dropped."""
        if not self._state.isBusy:
            return
        reachedWorker = self._session.cancel()
        if keepPartialResult and reachedWorker and self.progress is not None and self.progress.done:
            self._keptAt = self.clock()
            self._setState(State.KEEPING)
        else:
            self._end(State.IDLE)

    @property
    def needsPolling(self) -> bool:
        return self._state.isBusy or self._state is State.KEEPING or self._session.isBusy

    def applyPreview(self) -> None:
        """Writes the preview into the segments, as one undo step. Right after a stop it waits for the worker.

        Raises:
            SceneError: the volume shows another frame of its sequence now.
        """
        self.waitForTheRest()
        if self._state is not State.PREVIEW:
            return
        checkFrame(self.scene, self.preview, self.results.run)
        self._writing = True
        try:
            writeProposal(self.writer(), self.preview, self.results.run)
        finally:
            self._writing = False
        self._end(State.IDLE)
        self.paintingChanged.emit()

    def discardPreview(self) -> None:
        """Takes the preview and what was found out about it away; the segments were never touched."""
        if self._state.hasPreview:
            self.logits.forget()
            self.views.hideAll()
            self.results.clear()
            self._end(State.IDLE)
            self.resultsChanged.emit()

    def shutdown(self) -> None:
        """Ends the worker and all observations. The logic is of no use afterward."""
        self._watch.stop()
        self._session.shutdown()

    def _take(self, event) -> None:
        if event.kind == "progress":
            if self._state is State.PREPARING:
                self._setState(State.RUNNING)
            self.progress = event.progress
            if event.progress.slice_labels is not None:
                self.preview.showSlice(event.progress.slice_index, event.progress.slice_labels)
            self.progressChanged.emit()
        elif event.kind == "result" or event.kind == "cancelled" and event.result is not None:
            self._finish(event.result)
        elif event.kind in ("cancelled", "error", "died"):
            message = "" if event.kind == "cancelled" else event.message
            if self._state is State.KEEPING:
                self._keepWithoutRest(message)
            else:
                self._fail(message)

    def _pollKept(self) -> None:
        for event in self._session.poll():
            self._take(event)
        if self._state is State.KEEPING and self.clock() - self._keptAt > CANCEL_PATIENCE_SECONDS:
            self._session.shutdown()
            self._keepWithoutRest("")

    def _keepWithoutRest(self, message: str) -> None:
        """The slices stay as a preview, but nothing else is known of the run."""
        self._session.forgetJob()
        self._job = None
        self.results.clear()
        self._setState(State.PREVIEW)
        self.resultsChanged.emit()
        if message:
            self.failed.emit(message)

    def _finish(self, result) -> None:
        job = self._job
        self.preview.showVolume(result.labels, result.box)
        frame = frameOfVolume(self.scene, self.volumeNode)
        self.results.store(result, job.labels, self.volumeNode, self.segmentationNode, frame)
        self.timings = result.report["timings"]
        self._session.forgetJob()
        self._job = None
        self._setState(State.PREVIEW)
        self.logits.forget()
        self.resultsChanged.emit()

    def _fail(self, message: str) -> None:
        self._end(State.IDLE)
        if message:
            self.failed.emit(message)

    def _end(self, state: State) -> None:
        self._session.forgetJob()
        self._job = None
        self._dropPreview()
        self._setState(state)

    def _dropPreview(self) -> None:
        preview, self.preview = self.preview, None
        if preview is not None:
            preview.remove()

    def _setState(self, state: State) -> None:
        self.parameterNode.setReference("Preview", self.preview.node if self.preview else None)
        if state is not self._state:
            self._state = state
            self.stateChanged.emit()

    def _abort(self, reason: str) -> None:
        self._session.cancel()
        self._fail(reason)

    def _onNodeRemoved(self, node) -> None:
        if self.preview is not None and node is self.preview.node:
            self.preview = None
            if self._state.isBusy:
                self._session.cancel()
            self._end(State.IDLE)
        elif node in (self.volumeNode, self.segmentationNode):
            if self._state.isBusy:
                self._abort(_("{name} was removed while it was being propagated.").format(name=node.GetName()))
            elif self._state.hasPreview:
                self._end(State.IDLE)
            volumeNode, segmentationNode = self.volumeNode, self.segmentationNode
            self.select(
                None if node is volumeNode else volumeNode, None if node is segmentationNode else segmentationNode
            )

    def _onSegmentsChanged(self) -> None:
        if not self._writing:
            self.paintingChanged.emit()

    def _onSceneClosing(self) -> None:
        self.logits.forget()
        if self._state.isBusy:
            self._session.cancel()
        self._session.forgetJob()
        self._job = None
        self.preview = None
        self._watch.watch(None)
        self._histories.clear()
        self._state = State.IDLE

    def _onSceneClosed(self) -> None:
        self.parameterNode = ParameterNode.ofScene(self.scene)
        self.results = Results(self.scene, self.parameterNode)
        if not self._state.isBusy:
            self.preview = Preview.ofNode(self.parameterNode.reference("Preview"))
            self._state = State.PREVIEW if self.preview is not None else State.IDLE
        self._watch.watch(self.segmentationNode)
        self.sceneReplaced.emit()
