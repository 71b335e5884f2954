"""The preview that is open, if any, and the state of the module, as scene and selection change around them."""

from typing import Any

from .Basis import Basis
from .Job import Job
from .Preview import Completion, Preview
from .PreviewWatch import PreviewWatch
from .Protocols import UndoKeeper
from .Selection import Selection
from .Signal import Signal
from .State import State
from .Translation import _, counted


class CurrentPreview(Selection):
    """A selection, and the proposal that is being made or waits for an answer.

    Whether a proposal still fits is asked in one place, `Preview.problem`; `previewProblem` adds the selection.

    Attributes:
        preview: None while there is none.
        stateChanged: another state, or the preview can be applied where it could not, or the other way round.
    """

    def __init__(self, scene, undoKeeper: UndoKeeper | None = None):
        Selection.__init__(self, scene, undoKeeper)
        self.stateChanged = Signal()
        self._state = self._toldState = State.IDLE
        self.preview: Preview | None = None
        self._previewWatch = PreviewWatch()
        self._previewWatch.moved.connect(self._onPreviewMoved)
        self._previewWatch.segmentsLost.connect(self._onPreviewSegmentsLost)
        self._shownProblem: str | None = None
        self._before: tuple[dict[str, Any], str] = ({}, "")
        self._adoptPreview()
        self._toldState = self._state

    def losePreview(self, name: str) -> None:
        """What the preview is about, with that name, was removed."""
        raise NotImplementedError

    @property
    def state(self) -> State:
        return self._state

    def select(self, volumeNode, segmentationNode, segmentId: str | None = None) -> None:
        Selection.select(self, volumeNode, segmentationNode, segmentId)
        self._tellOfProblem()

    def openPreview(self, job: Job, opacity: float, goOn: bool) -> None:
        """Begins a proposal for a job on what is selected, in the place of the one before.

        Args:
            goOn: what is shown of the same segments stays in sight until other slices take its place.

        Raises:
            SceneError: the segmentation is warped. Nothing has changed then.
        """
        basis = Basis.of(self.volumeNode, self.segmentationNode, job)
        preview = Preview.create(self.volumeNode, self.segmentationNode, basis, job.groups)
        preview.showVolume(job.layers)
        if goOn and _subject(self.preview) == _subject(preview):
            preview.takeOver(self.preview, job.layers)
        preview.setOpacity(opacity)
        self.dropPreview()
        self.takePreview(preview)

    def selectWhatThePreviewIsOf(self) -> None:
        """Its volume, its segmentation, and one of its segments unless one is selected."""
        preview, segmentIds = self.preview, list(self.preview.masks())
        isSelected = self.segmentationNode is preview.segmentationNode and self.segmentId in segmentIds
        self.select(preview.volumeNode, preview.segmentationNode, self.segmentId if isSelected else segmentIds[0])

    def keepUnfinished(self) -> None:
        """Takes what an unfinished preview has for a result, so that it can be applied."""
        if self._state is State.UNFINISHED:
            self.preview.completion = Completion.KEPT
            self.setState(State.PREVIEW)

    @property
    def previewProblem(self) -> str | None:
        """Why the preview cannot be applied now, in one sentence; None where it can, and where there is none."""
        if not self._state.hasPreview:
            return None
        problem = self.preview.problem()
        if problem is not None:
            return _("{problem}; the preview does not fit any more, discard it and propagate again.").format(
                problem=problem
            )
        if self._state is State.UNFINISHED:
            count = len(self.preview.filled)
            return counted(
                count,
                _("The run of this preview did not end (1 slice is there): keep it, go on, or discard."),
                _("The run of this preview did not end ({count} slices are there): keep them, go on, or discard."),
            ).format(count=count)
        for selected, node in (
            (self.segmentationNode, self.preview.segmentationNode),
            (self.volumeNode, self.preview.volumeNode),
        ):
            if selected is not node:
                return _("The preview belongs to {name}; select that to apply it, or discard the preview.").format(
                    name=node.GetName()
                )
        return None

    def shown(self, segmentId: str):
        """What the preview proposes for a segment of the selected segmentation; None where there is no such preview."""
        preview = self.preview
        if preview is None or preview.volumeNode is not self.volumeNode or preview.problem() is not None:
            return None
        return preview.proposalFor(segmentId) if preview.segmentationNode is self.segmentationNode else None

    def dropPreview(self) -> None:
        preview, self.preview = self.preview, None
        if preview is not None:
            self._previewWatch.watch(None)
            preview.remove()

    def takePreview(self, preview: Preview | None) -> None:
        self.preview = preview
        self._previewWatch.watch(preview)
        self._shownProblem = None

    def _adoptPreview(self) -> None:
        """Takes the preview that the scene was saved with, or that a logic before this one left."""
        self.takePreview(Preview.ofNode(self.parameterNode.reference("Preview")))
        if self.preview is None:
            self._state = State.IDLE
        elif self.preview.completion is Completion.UNFINISHED:
            self._state = State.UNFINISHED
        else:
            self._state = State.PREVIEW

    def _tellOfProblem(self) -> None:
        """The preview can, or cannot, be applied any more."""
        problem = self.previewProblem
        if problem != self._shownProblem:
            self._shownProblem = problem
            self.stateChanged.emit()

    def setState(self, state: State) -> None:
        self.parameterNode.setReference("Preview", self.preview.node if self.preview else None)
        self._state = state
        self.tellState()

    def tellState(self) -> None:
        """Every change of the state is told; while the scene is being closed there is nothing to look at yet."""
        if self._state is not self._toldState and not self.scene.IsClosing():
            self._toldState = self._state
            self.stateChanged.emit()

    def _onPreviewMoved(self) -> None:
        self.preview.follow()
        self._tellOfProblem()

    def _onPreviewSegmentsLost(self) -> None:
        if not self.preview.dropLostSegments():
            names = ", ".join(name for _label, _id, name in self.preview.basis.segments)
            self.losePreview(names)

    def onImporting(self) -> None:
        """Another scene comes. The module's nodes are singletons: those of the other are written into ours."""
        self._before = self.parameterNode.references(), self.segmentId

    def onImported(self) -> None:
        """It has come. A run or a preview stays what it is, and so does what is selected; else its preview is taken."""
        if self.preview is None:
            self._adoptPreview()
            return
        imported = self.parameterNode.reference("Preview")
        if imported is not None and imported is not self.preview.node:
            Preview(imported).release()
        references, segmentId = self._before
        self.parameterNode.restoreReferences(references)
        self.select(self.volumeNode, self.segmentationNode, segmentId)


def _subject(preview: Preview) -> tuple:
    """Of which segments on which slices a preview is; those of one with the same fit into another."""
    return preview.volumeNode, preview.segmentationNode, preview.basis.labels, preview.axis, preview.basis.shape
