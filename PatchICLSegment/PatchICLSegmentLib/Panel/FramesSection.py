"""All frames of a sequence: a row of buttons that is there where the volume is a frame of one."""

from ..Signal import Connections
from ..State import State
from ..Translation import _, counted


class FramesSection:
    """Args: note: shows a sentence; startPolling: listens to the worker."""

    def __init__(self, ui, logic, application, attempt, isReady, note, startPolling):
        self.ui, self.logic, self.application = ui, logic, application
        self._attempt, self._isReady, self._note, self._startPolling = attempt, isReady, note, startPolling
        ui.fillFramesButton.connect("clicked()", self.fill)
        ui.cancelFramesButton.connect("clicked()", logic.sequence.cancel)
        ui.discardFramesButton.connect("clicked()", self.discard)
        self._connections = Connections(
            (logic.sequence.changed, self._onChanged),
            (logic.stateChanged, self.refresh),
            (logic.paintingChanged, self.refresh),
            (logic.sceneReplaced, self.refresh),
        )

    def stop(self) -> None:
        """Its widgets may go, while the logic stays."""
        self._connections.end()

    def fill(self) -> None:
        """Nobody but the user knows on which frame the segments were drawn, and whether they are finished."""
        sequence = self.logic.sequence
        frames, painted = sequence.frames, []
        if (
            frames is None
            or not self._isReady()
            or not self._attempt(lambda: painted.extend(sequence.paintedOnSlices()))
        ):
            return
        question = counted(
            len(frames.values) - 1,
            _("Carry the segments, as drawn on frame {frame} that is shown now, to the other frame?"),
            _("Carry the segments, as drawn on frame {frame} that is shown now, to the {count} other frames?"),
        ).format(frame=frames.name(frames.current), count=len(frames.values) - 1)
        if painted:
            warning = _(
                "This looks painted on some slices ({names}): what lies between would stay empty on all frames; to "
                "fill it, cancel, then propagate and apply it on this frame first."
            ).format(names=", ".join(painted))
            question = f"{question}\n\n{warning}"
        if self.application.confirm(question) and self._attempt(lambda: sequence.start(asDrawn=True)):
            self._startPolling()

    def discard(self) -> None:
        """What was corrected on the frames goes too, so the user is asked."""
        if self.application.confirm(_("Remove the segmentations of all frames, with what was corrected in them?")):
            self.logic.sequence.discard()

    def refresh(self) -> None:
        ui, sequence = self.ui, self.logic.sequence
        frames, isBusy = sequence.frames, sequence.isBusy
        ui.framesWidget.setVisible(frames is not None or isBusy)
        ui.fillFramesButton.setVisible(not isBusy)
        ui.cancelFramesButton.setVisible(isBusy)
        ui.fillFramesButton.setEnabled(self.logic.state is State.IDLE)
        ui.discardFramesButton.setEnabled(not isBusy and frames is not None and frames.filled() is not None)

    def _onChanged(self) -> None:
        self.refresh()
        self._note(self.logic.sequence.told)
