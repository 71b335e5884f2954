"""Running: the button, progress by slice, stopping, and the preview that is applied or discarded."""

import qt

from ..Errors import SceneError
from ..Estimate import estimate
from ..Signal import Connections
from ..State import State
from ..Translation import _, counted

_POLL_INTERVAL_MS = 50


class PropagateSection:
    """`problem` and `note` show one sentence to the user without a popup."""

    def __init__(self, ui, logic, attempt, isReady):
        self.ui, self.logic = ui, logic
        self._attempt = attempt
        self._isReady = isReady
        self._shownWork: tuple = ()  # what the last estimate was of
        self._standing: tuple | None = None  # of what a problem was told that still stands
        self._timer = qt.QTimer()
        self._timer.setInterval(_POLL_INTERVAL_MS)
        self._timer.connect("timeout()", self._poll)
        ui.propagateButton.connect("clicked()", self.propagate)
        ui.keepButton.connect("clicked()", lambda: logic.cancel(keepPartialResult=True))
        ui.cancelButton.connect("clicked()", lambda: logic.cancel(keepPartialResult=False))
        ui.applyButton.connect("clicked()", self.apply)
        ui.discardButton.connect("clicked()", logic.discardPreview)
        ui.nextSliceButton.connect("clicked()", self.goToNextSlice)
        self._connections = Connections(
            (logic.stateChanged, self._onStateChanged),
            (logic.progressChanged, self._showProgress),
            (logic.failed, self.problem),
            (logic.paintingChanged, self._onPaintingChanged),
            (logic.resultsChanged, self._onResults),
        )

    def propagate(self) -> None:
        if not self.ui.propagateButton.enabled or not self._isReady():
            return
        isUnfinished = self.logic.state is State.UNFINISHED
        self._attempt(self.logic.goOn if isUnfinished else self.logic.startPropagation)

    def apply(self) -> None:
        """Writes the preview; one whose run did not end has to be taken for a result first."""
        isUnfinished = self.logic.state is State.UNFINISHED
        self._attempt(self.logic.keepUnfinished if isUnfinished else self.logic.applyPreview)

    def goToNextSlice(self) -> None:
        self._attempt(lambda: self.note(self.logic.views.goToNextSlice()))

    def _onResults(self) -> None:
        self.ui.nextSliceButton.setEnabled(self.logic.results.run is not None)

    def _onStateChanged(self) -> None:
        self._standing = None
        self.refresh()

    def refresh(self) -> None:
        state = self.logic.state
        if self.logic.needsPolling:
            self.startPolling()
        ui = self.ui
        ui.propagateButton.setEnabled(not state.isBusy)
        isUnfinished = state is State.UNFINISHED
        if isUnfinished:
            ui.propagateButton.setText(_("Go on"))
            ui.applyButton.setText(_("Keep what is there ({count})").format(count=len(self.logic.preview.filled)))
        else:
            ui.propagateButton.setText(_("Propagate again") if state.hasPreview else _("Propagate"))
            ui.applyButton.setText(_("Apply"))
        for widget in (ui.previewLabel, ui.previewOpacitySlider):
            widget.setVisible(not isUnfinished)  # Their room is needed.
        # Nothing of the bar moves under the mouse: a button gives its place to another, or is gray.
        ui.propagateButton.setVisible(not state.isBusy)
        for widget in (ui.keepButton, ui.cancelButton, ui.progressBar):
            widget.setVisible(state.isBusy)
        ui.keepButton.setEnabled(state is State.RUNNING)
        problem = self.logic.previewProblem
        # An unfinished preview that fits is kept; no other with a problem can be anything but discarded.
        fits = state.hasPreview and (problem is None or isUnfinished and self.logic.preview.problem() is None)
        ui.applyButton.setEnabled(fits)
        ui.discardButton.setEnabled(state.hasPreview)
        self._onResults()
        if state is State.PREPARING:
            ui.progressBar.setMaximum(0)
            self.note(_("Starting the network; at first some seconds..."))
        elif problem is not None:
            self.problem(problem)
        elif state is State.RUNNING and self.logic.progress is not None:
            self._showProgress()
        elif state is State.KEEPING:
            self.note(_("Stopped. The uncertainty of what is there follows."))
        elif state is State.PREVIEW:
            told = self.logic.library.told(self.logic.results.run)
            self.note(
                _("Preview: Apply writes it into the segment. {library}").format(library=told)
                if told
                else _("Preview: Apply writes it into the segment.")
            )
            if (self.logic.results.run or {}).get("memory_was_short"):
                self.problem(
                    _("Memory was short, so slices were computed one at a time. Nothing is missing; it took longer.")
                )
        elif state is State.IDLE:
            self.showEstimate()

    def showEstimate(self) -> None:
        """What Propagate would take, while nothing is running and no problem stands."""
        if self.logic.state is not State.IDLE:
            return
        try:
            painting, region = self.logic.currentPainting(), self.logic.regionSpans()
        except SceneError:
            painting, region = None, None  # The volume or the region cannot be used: Propagate says why.
        work = self._work(painting)
        isNews = _isNews(work, self._standing)
        self._shownWork = work
        if not isNews:
            return
        found = None
        if painting is not None:
            found = estimate(painting, self.logic.parameters, self.logic.timings, region)
        count = 0 if found is not None or painting is None else self.logic.library.countOf(painting.segmentId)
        if count:
            self.note(
                counted(
                    count,
                    _("Nothing is painted: {name} comes from 1 earlier case."),
                    _("Nothing is painted: {name} comes from {count} earlier cases."),
                ).format(name=painting.name, count=count)
            )
        elif found is None:
            self.note("")
        elif found.seconds is None:
            self.note(
                counted(
                    found.slices,
                    _("One slice to fill, about {memory:.1f} GB."),
                    _("Up to {slices} slices to fill, about {memory:.1f} GB."),
                ).format(slices=found.slices, memory=found.gigabytes)
            )
        else:
            self.note(
                counted(
                    found.slices,
                    _("One slice to fill, about {seconds:.0f} s, {memory:.1f} GB."),
                    _("Up to {slices} slices to fill, about {seconds:.0f} s, {memory:.1f} GB."),
                ).format(slices=found.slices, seconds=max(1, found.seconds), memory=found.gigabytes)
            )

    def startPolling(self) -> None:
        """Listens to the worker until it has nothing more to say."""
        self._timer.start()

    def _work(self, painting) -> tuple:
        """What is being worked on: volume, segmentation, segment, and its painted slices."""
        logic = self.logic
        slices = tuple((row.index, row.area) for row in painting.slices) if painting is not None else ()
        return logic.volumeNode, logic.segmentationNode, logic.segmentId, slices

    def problem(self, text: str) -> None:
        """Stands until something else is worked on, or the next run."""
        self._standing = self._shownWork
        self.logic.record.add(text)
        self.ui.statusLabel.setStyleSheet("font-weight: bold")
        self.ui.statusLabel.setText(text)

    def note(self, text: str) -> None:
        self._standing = None
        self.logic.record.add(text)
        self.ui.statusLabel.setStyleSheet("")
        self.ui.statusLabel.setText(text)

    def stop(self) -> None:
        """Its widgets may go, while the logic stays."""
        self._timer.stop()
        self._connections.end()

    def _onPaintingChanged(self) -> None:
        if self.logic.live.isWaiting:
            self.startPolling()

    def _poll(self) -> None:
        self.logic.poll()
        if not self.logic.needsPolling:
            self._timer.stop()

    def _showProgress(self) -> None:
        progress = self.logic.progress
        self.ui.progressBar.setMaximum(max(progress.total, 1))
        self.ui.progressBar.setValue(progress.done)
        if progress.remaining is None:
            sentence = counted(progress.total, _("{done} of 1 slice"), _("{done} of {total} slices"))
        else:
            sentence = counted(
                progress.total,
                _("{done} of 1 slice, about {seconds} s left"),
                _("{done} of {total} slices, about {seconds} s left"),
            )
        seconds = max(1, round(progress.remaining or 0))
        self.note(sentence.format(done=progress.done, total=progress.total, seconds=seconds))


def _isNews(work: tuple, standing: tuple | None) -> bool:
    """Whether an estimate may take the place of a problem: not where there is only less, because it was removed."""
    if standing is None:
        return True
    (*nodes, segmentId, slices), (*nodesBefore, segmentIdBefore, slicesBefore) = work, standing
    lostNode = any(before is not None and now is None for before, now in zip(nodesBefore, nodes, strict=True))
    lostSegment = nodes == nodesBefore and (segmentId != segmentIdBefore or bool(slicesBefore) and not slices)
    return work != standing and not lostNode and not lostSegment
