"""Propagating while somebody paints: when the hand has rested for a moment, what is painted then is propagated."""

from .Errors import SceneError
from .State import State

REST_SECONDS = 1.0


class LiveUpdate:
    """Follows the painting of a logic while its parameter `updateWhilePainting` says so.

    A stroke is finished when its voxels are in the segment; strokes that follow within the rest count as one.
    """

    def __init__(self, logic):
        self._logic = logic
        self._changedAt: float | None = None
        logic.paintingChanged.connect(self._onPaintingChanged)

    @property
    def isWaiting(self) -> bool:
        """Whether something was painted that is not being propagated yet."""
        return self._changedAt is not None

    def poll(self) -> None:
        """Starts, once the hand has rested."""
        logic = self._logic
        if self._changedAt is None or logic.clock() - self._changedAt < REST_SECONDS:
            return
        if logic.state is State.KEEPING:  # Somebody stopped the run before and waits for the rest of it.
            return
        self._changedAt = None
        try:
            logic.updatePropagation()
        except SceneError as error:
            logic.failed.emit(str(error))

    def forget(self) -> None:
        self._changedAt = None

    def _onPaintingChanged(self) -> None:
        if self._logic.parameters.updateWhilePainting:
            self._changedAt = self._logic.clock()
