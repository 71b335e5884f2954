"""The state of the module: from painted slices through a running propagation to a preview.

Everything here runs on a MRML scene without Qt. Whoever uses it calls `poll()` from time to time while a run is on: the
panel by a timer, a script in a loop.
"""

import time
from collections.abc import Callable

from .Errors import SceneError
from .PaintingActions import PaintingActions
from .Parameters import ParameterNode
from .Protocols import UndoKeeper, WorkerFactory
from .Results import Results
from .ResultViews import ResultViews
from .Running import Running
from .SceneWatch import SceneWatch
from .Signal import Signal
from .State import State
from .Translation import _
from .Waiting import Waiting
from .WorkerSession import defaultWorker
from .Writing import writeProposal


class PatchICLSegmentLogic(Running, Waiting):
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
        library: finished cases of earlier patients, see LibraryCases.
        adaptation: weights that learn from them, see LibraryAdaptation.
        sequence: all frames of a sequence from the one that is shown, see FrameFilling.
        logits: of one slice before and after each level, see LogitsRequest.
        answers: what else the preview may be, see Answers.
        record: what the user was told and what the worker printed, see Record.
        live: propagates while somebody paints, see LiveUpdate.
    """

    def __init__(
        self,
        scene,
        makeWorker: WorkerFactory = defaultWorker,
        undoKeeper: UndoKeeper | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        Running.__init__(self, scene, makeWorker, undoKeeper, clock)
        self.sceneReplaced, self.ended = Signal(), Signal()
        self._writing = False
        self.painting = PaintingActions(self)
        self.views = ResultViews(self)
        self._watch = SceneWatch(scene)
        self._watch.sceneClosing.connect(self._onSceneClosing)
        self._watch.sceneImporting.connect(self.onImporting)
        self._watch.sceneClosed.connect(self._onSceneClosed)
        self._watch.nodeRemoved.connect(self._onNodeRemoved)
        self._watch.segmentsChanged.connect(self._onSegmentsChanged)
        self._watch.watch(self.segmentationNode)

    def select(self, volumeNode, segmentationNode, segmentId: str | None = None) -> None:
        self._watch.watch(segmentationNode)
        Running.select(self, volumeNode, segmentationNode, segmentId)

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
            writeProposal(self.writer(), self.preview, self.parameters.useAllSlices, self.editableArea)
        finally:
            self._writing = False
        self.endRun()
        self.paintingChanged.emit()

    def discardPreview(self) -> None:
        """Takes the preview and what was found out about it away; the segments were never touched."""
        if self._state.hasPreview:
            self.logits.forget()
            self.views.hideAll()
            if self.preview.reportNode is self.results.reportNode or self._state is not State.UNFINISHED:
                self.results.clear()
            self.endRun()
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

    def _onNodeRemoved(self, node) -> None:
        self.sequence.onNodeRemoved(node)
        preview = self.preview
        if preview is not None and node is preview.node:
            self.takePreview(None)
            if self.isRunUnderWay:
                self.abort(_("The preview was removed while it was being filled; propagate again."))
            else:
                self.endRun()
        elif preview is not None and node in (preview.volumeNode, preview.segmentationNode):
            self.losePreview(node.GetName())
        self.deselect(node)

    def _onSegmentsChanged(self) -> None:
        if not self._writing:
            self.paintingChanged.emit()

    def _onSceneClosing(self) -> None:
        self.sequence.forget()
        self.logits.forget()
        self.live.forget()
        self.answers.forget()
        if self._state.isBusy:
            self._session.cancel()
        if not self.adaptation.isBusy:  # which has nothing to do with the scene
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
