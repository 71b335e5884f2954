"""Runs: from painted slices to a preview that is complete, stopped, or gone."""

from collections.abc import Callable

from .Answers import Answers
from .CurrentPreview import CurrentPreview
from .Errors import SceneError
from .FrameFilling import FrameFilling
from .Job import Job, prepareJob
from .LibraryAdaptation import LibraryAdaptation
from .LibraryCases import LibraryCases
from .LiveUpdate import LiveUpdate
from .LogitsRequest import LogitsRequest
from .Preview import Completion
from .Protocols import UndoKeeper, WorkerFactory
from .Provenance import missingOfReport
from .Record import Record
from .Results import Results
from .Signal import Signal
from .State import State
from .Translation import _
from .WorkerSession import WorkerSession

# A worker that has not handed over what belongs to a kept preview by then is replaced.
CANCEL_PATIENCE_SECONDS = 35.0


class Running(CurrentPreview):
    """The run under way and what came of the last one; attributes as of `Logic.PatchICLSegmentLogic`."""

    def __init__(self, scene, makeWorker: WorkerFactory, undoKeeper: UndoKeeper | None, clock: Callable[[], float]):
        CurrentPreview.__init__(self, scene, undoKeeper)
        self.clock = clock
        self.progressChanged, self.resultsChanged, self.failed = Signal(), Signal(), Signal()
        self.progress = None
        self.timings: dict | None = None
        self.record = Record()
        self.failed.connect(self.record.add)
        self._session = WorkerSession(makeWorker, self.record)
        self.workerHealth = self._session.health
        self.logits = LogitsRequest(self, self._session)
        self.sequence = FrameFilling(self, self._session)
        self._job: Job | None = None
        self._lastWork: tuple[int, str, str] | None = None
        self._keptAt = 0.0
        self.results = Results(scene, self.parameterNode)
        self.answers = Answers(self)
        self.live = LiveUpdate(self)
        self.library = LibraryCases(self)
        self.adaptation = LibraryAdaptation(self, self._session)

    def startPropagation(self) -> None:
        """Starts to propagate and returns at once.

        Raises:
            SceneError: what is missing, in one sentence. Nothing has changed then.
        """
        if self._state.isBusy:
            raise SceneError(_("A propagation is running already; wait for it or cancel it."))
        self._checkIsFree()
        self._start(self._prepared())

    def updatePropagation(self) -> None:
        """Propagates what is painted now, in the place of a run under way; does nothing if that is not new.

        What is shown stays until other slices replace it.

        Raises:
            SceneError: what is missing, in one sentence. Nothing has changed then.
        """
        if self.isOccupied:
            return
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
        self._checkIsFree()
        self.selectWhatThePreviewIsOf()
        self._start(self._prepared(), goOn=True)

    @property
    def isOccupied(self) -> bool:
        """Whether the worker does something else than propagate, which goes on for long."""
        return self.sequence.isBusy or self.adaptation.isBusy

    def checkNetworkIsFree(self) -> None:
        """For what goes on beside no run.

        Raises:
            SceneError: the worker is at something.
        """
        if self.isRunUnderWay or self.logits.isBusy or self.isOccupied:
            raise SceneError(_("The network is busy; wait for it or cancel it."))

    def _checkIsFree(self) -> None:
        if self.sequence.isBusy:
            raise SceneError(_("Frames are being filled; wait for them or cancel that."))
        if self.adaptation.isBusy:
            raise SceneError(_("The network is learning from the library; wait for it or stop it; it can go on later."))

    def _prepared(self) -> Job:
        inputs = self.volumeNode, self.segmentationNode, self.segmentId
        settings = self.parameters, self.regionNode, self.allowsOverlap, self.library.use(), self.editableArea
        return prepareJob(*inputs, *settings, self.shown)

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
        if not self.isRunUnderWay:
            for event in self._session.poll():  # an answer, or the end of a run that was dropped
                self.logits.take(event)
                self.sequence.take(event)
                self.adaptation.take(event)
            return
        problem = self.preview.problem()
        if problem is not None and self._state is State.KEEPING:
            self._session.cancel()
            self._keepWithoutRest("")
            self.failed.emit(self.previewProblem)
        elif problem is not None:
            self.abort(_("{problem}; the run was stopped, propagate again.").format(problem=problem))
        else:
            for event in self._session.poll():
                if self.isRunUnderWay:
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
            self.endRun()

    @property
    def needsPolling(self) -> bool:
        return self.isRunUnderWay or self._session.isBusy or self.live.isWaiting

    @property
    def isRunUnderWay(self) -> bool:
        return self._state.isBusy or self._state is State.KEEPING

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
        self.preview.showResult(result.labels, self._job.layers)
        self.answers.take(result.candidates)
        self.results.store(result, self.preview, self._job.facts | {"evidence_checksum": self._job.evidenceChecksum})
        self.timings = result.report["timings"]
        self._session.forgetJob()
        self._job = None
        self.setState(State.PREVIEW)
        self.logits.forget()
        self.resultsChanged.emit()

    def _fail(self, message: str) -> None:
        self.endRun()
        if message:
            self.failed.emit(message)

    def endRun(self) -> None:
        """There is neither a run nor a preview any more."""
        self._session.forgetJob()
        self._job = None
        self.dropPreview()
        self.setState(State.IDLE)

    def abort(self, reason: str) -> None:
        """Stops a run and tells why."""
        self._session.cancel()
        self._fail(reason)

    def _onPreviewMoved(self) -> None:
        CurrentPreview._onPreviewMoved(self)
        self.answers.follow()

    def losePreview(self, name: str) -> None:
        """What the run or the preview was about was removed, with that name."""
        if self.isRunUnderWay:
            self.abort(_("{name} was removed while it was being propagated.").format(name=name))
        else:
            self._fail(_("{name} was removed, and its preview with it.").format(name=name))
