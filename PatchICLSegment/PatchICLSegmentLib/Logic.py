"""The state of the module: from painted slices through a running propagation to a preview.

Everything here runs on a MRML scene without Qt. Whoever uses it calls `poll()` from time to time while a run is on: the
panel by a timer, a script in a loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from .CurrentPreview import CurrentPreview
from .Errors import SceneError
from .Job import Job, prepareJob
from .LiveUpdate import LiveUpdate
from .LogitsRequest import LogitsRequest
from .PaintingActions import PaintingActions
from .Parameters import ParameterNode
from .Preview import Completion
from .Protocols import UndoKeeper, WorkerFactory
from .Provenance import missingOfReport
from .Results import Results
from .ResultViews import ResultViews
from .SceneWatch import SceneWatch
from .Signal import Signal
from .State import State
from .Translation import _
from .Waiting import Waiting
from .WorkerSession import WorkerSession, defaultWorker
from .Writing import writeProposal

# A worker that has not handed over what belongs to a kept preview by then is replaced.
CANCEL_PATIENCE_SECONDS = 35.0


class PatchICLSegmentLogic(CurrentPreview, Waiting):
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
        ended: the logic is of no use any more, see `shutdown`.
        progress: the worker's latest Progress, or None.
        timings: of the last run, as in its report, or None.
        painting: declarations and clearings of single slices, see PaintingActions.
        views: layers and jumps in the slice views, see ResultViews.
        logits: of one slice before and after each level, see LogitsRequest.
        live: propagates while somebody paints, see LiveUpdate.
    """

    def __init__(
        self,
        scene,
        makeWorker: WorkerFactory = defaultWorker,
        undoKeeper: UndoKeeper | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        CurrentPreview.__init__(self, scene, undoKeeper)
        self.clock = clock
        self.progressChanged, self.resultsChanged = Signal(), Signal()
        self.failed, self.sceneReplaced, self.ended = Signal(), Signal(), Signal()
        self.progress = None
        self.timings: dict | None = None
        self._session = WorkerSession(makeWorker)
        self.workerHealth = self._session.health
        self.logits = LogitsRequest(self, self._session)
        self._job: Job | None = None
        self._lastWork: tuple[int, str, str] | None = None
        self._keptAt = 0.0
        self._writing = False
        self.results = Results(scene, self.parameterNode)
        self.painting = PaintingActions(self)
        self.views = ResultViews(self)
        self.live = LiveUpdate(self)
        self._watch = SceneWatch(scene)
        self._watch.sceneClosing.connect(self._onSceneClosing)
        self._watch.sceneImporting.connect(self.onImporting)
        self._watch.sceneClosed.connect(self._onSceneClosed)
        self._watch.nodeRemoved.connect(self._onNodeRemoved)
        self._watch.segmentsChanged.connect(self._onSegmentsChanged)
        self._watch.watch(self.segmentationNode)

    def select(self, volumeNode, segmentationNode, segmentId: str | None = None) -> None:
        self._watch.watch(segmentationNode)
        CurrentPreview.select(self, volumeNode, segmentationNode, segmentId)

    def startPropagation(self) -> None:
        """Starts to propagate and returns at once.

        Raises:
            SceneError: what is missing, in one sentence. Nothing has changed then.
        """
        if self._state.isBusy:
            raise SceneError(_("A propagation is running already; wait for it or cancel it."))
        self._start(self._prepared())

    def updatePropagation(self) -> None:
        """Propagates what is painted now, in the place of a run under way; does nothing if that is not new.

        What is shown stays until other slices replace it.

        Raises:
            SceneError: what is missing, in one sentence. Nothing has changed then.
        """
        job = self._prepared()
        if (job.work, self.volumeNode.GetID(), self.segmentationNode.GetID()) == self._lastWork:
            return
        if self._state.isBusy:
            self._session.cancel()
        self._start(job, goOn=self.preview is not None and self.preview.problem() is None)

    def goOn(self) -> None:
        """Propagates anew what an unfinished preview is about; its slices stay in sight until others replace them.

        Raises:
            SceneError: it does not fit any more, or nothing is painted.
        """
        if self._state is not State.UNFINISHED:
            return
        if self.preview.problem() is not None:
            raise SceneError(self.previewProblem)
        self.selectWhatThePreviewIsOf()
        self._start(self._prepared(), goOn=True)

    def _prepared(self) -> Job:
        inputs = self.volumeNode, self.segmentationNode, self.segmentId
        return prepareJob(*inputs, self.parameters, self.regionNode, self.allowsOverlap)

    def _start(self, job: Job, goOn: bool = False) -> None:
        parameters = self.parameters
        self.openPreview(job, parameters.previewOpacity, goOn)
        self.logits.stop()
        self._job = job
        self._lastWork = job.work, self.volumeNode.GetID(), self.segmentationNode.GetID()
        self.progress = None
        self.live.forget()
        self._session.submit(job, parameters.device, parameters.weights)
        self.setState(State.PREPARING)

    def poll(self) -> None:
        """Takes what the worker has to say, and starts what is due; never waits."""
        self.live.poll()
        if not self._isRunUnderWay:
            for event in self._session.poll():  # an answer, or the end of a run that was dropped
                self.logits.take(event)
            return
        problem = self.preview.problem()
        if problem is not None and self._state is State.KEEPING:
            self._session.cancel()
            self._keepWithoutRest("")
            self.failed.emit(self.previewProblem)
        elif problem is not None:
            self._abort(_("{problem}; the run was stopped, propagate again.").format(problem=problem))
        else:
            for event in self._session.poll():
                if self._isRunUnderWay:
                    self._take(event)
            if self._state is State.KEEPING and self.clock() - self._keptAt > CANCEL_PATIENCE_SECONDS:
                self._session.shutdown()
                self._keepWithoutRest("")

    def cancel(self, keepPartialResult: bool = False) -> None:
        """Stops the run at once; what is finished becomes a preview, or is dropped."""
        if not self._state.isBusy:
            return
        reachedWorker = self._session.cancel()
        if keepPartialResult and reachedWorker and self.progress is not None and self.progress.done:
            self._keptAt = self.clock()
            self.preview.completion = Completion.KEPT
            self.setState(State.KEEPING)
        else:
            self._end(State.IDLE)

    @property
    def needsPolling(self) -> bool:
        return self._isRunUnderWay or self._session.isBusy or self.live.isWaiting

    @property
    def _isRunUnderWay(self) -> bool:
        return self._state.isBusy or self._state is State.KEEPING

    def applyPreview(self) -> None:
        """Writes the preview into the segments, as one undo step. Right after a stop it waits for the worker.

        Raises:
            SceneError: the preview is unfinished, of other nodes than those selected, or does not fit any more.
        """
        self.waitForTheRest()
        if not self._state.hasPreview:
            return
        problem = self.previewProblem
        if problem is not None:
            raise SceneError(problem)
        self._writing = True
        try:
            writeProposal(self.writer(), self.preview, self.parameters.useAllSlices)
        finally:
            self._writing = False
        self._end(State.IDLE)
        self.paintingChanged.emit()

    def discardPreview(self) -> None:
        """Takes the preview and what was found out about it away; the segments were never touched."""
        if self._state.hasPreview:
            self.logits.forget()
            self.views.hideAll()
            if self.preview.reportNode is self.results.reportNode or self._state is not State.UNFINISHED:
                self.results.clear()
            self._end(State.IDLE)
            self.resultsChanged.emit()

    def shutdown(self) -> None:
        """Ends the worker and all observations. The logic is of no use afterward."""
        self._watch.stop()
        self._previewWatch.watch(None)
        self._session.shutdown()
        self.ended.emit()

    @property
    def isWriting(self) -> bool:
        """Whether a preview is being applied, and segments change for that reason."""
        return self._writing

    def _take(self, event) -> None:
        if event.kind == "progress":
            if self._state is State.PREPARING:
                self.setState(State.RUNNING)
            self.progress = event.progress
            if event.progress.slice_labels is not None:
                progress = event.progress
                self.preview.showSlice(progress.slice_index, progress.slice_labels, progress.layer)
            self.progressChanged.emit()
        elif event.kind == "result" or event.kind == "cancelled" and event.result is not None:
            self._finish(event.result)
        elif event.kind in ("cancelled", "error", "died"):
            message = "" if event.kind == "cancelled" else event.message
            if self._state is State.KEEPING:
                self._keepWithoutRest(message)
            else:
                self._fail(message)

    def _keepWithoutRest(self, message: str) -> None:
        """The slices stay as a preview, but nothing else is known of the run."""
        self._session.forgetJob()
        self._job = None
        self.results.clear()
        self.setState(State.PREVIEW)
        self.resultsChanged.emit()
        if message:
            self.failed.emit(message)

    def _finish(self, result) -> None:
        missing = missingOfReport(result.report)
        if missing:
            self._fail(_("The network's report lacks {names}; propagate again.").format(names=missing))
            return
        self.preview.showResult(result.labels)
        self.results.store(result, self.preview)
        self.timings = result.report["timings"]
        self._session.forgetJob()
        self._job = None
        self.setState(State.PREVIEW)
        self.logits.forget()
        self.resultsChanged.emit()

    def _fail(self, message: str) -> None:
        self._end(State.IDLE)
        if message:
            self.failed.emit(message)

    def _end(self, state: State) -> None:
        self._session.forgetJob()
        self._job = None
        self.dropPreview()
        self.setState(state)

    def _abort(self, reason: str) -> None:
        self._session.cancel()
        self._fail(reason)

    def losePreview(self, name: str) -> None:
        """What the run or the preview was about was removed, with that name."""
        if self._isRunUnderWay:
            self._abort(_("{name} was removed while it was being propagated.").format(name=name))
        else:
            self._fail(_("{name} was removed, and its preview with it.").format(name=name))

    def _onNodeRemoved(self, node) -> None:
        preview = self.preview
        if preview is not None and node is preview.node:
            self.takePreview(None)
            if self._isRunUnderWay:
                self._abort(_("The preview was removed while it was being filled; propagate again."))
            else:
                self._end(State.IDLE)
        elif preview is not None and node in (preview.volumeNode, preview.segmentationNode):
            self.losePreview(node.GetName())
        self.deselect(node)

    def _onSegmentsChanged(self) -> None:
        if not self._writing:
            self.paintingChanged.emit()

    def _onSceneClosing(self) -> None:
        self.logits.forget()
        self.live.forget()
        if self._state.isBusy:
            self._session.cancel()
        self._session.forgetJob()
        self._job = None
        self.takePreview(None)
        self._watch.watch(None)
        self._histories.clear()
        self._editorNode = None
        self.setState(State.IDLE)

    def _onSceneClosed(self) -> None:
        self.parameterNode = ParameterNode.ofScene(self.scene)
        self.results = Results(self.scene, self.parameterNode)
        self.onImported()
        self._watch.watch(self.segmentationNode)
        self.tellState()
        self.sceneReplaced.emit()
