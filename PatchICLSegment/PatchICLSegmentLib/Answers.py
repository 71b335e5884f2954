"""What else the preview may be, where the network is torn: one answer is shown at a time, or all as contours."""

from typing import Any

from .AnswerContours import AnswerContours
from .Errors import SceneError
from .Signal import Signal
from .State import State
from .Translation import _


class Answers:
    """The answers of the last run. The shown one is the preview, with all that one can do with a preview.

    They are kept in memory as long as there is that preview; with the scene, the shown one is saved.

    Attributes:
        changed: other answers, another one shown, or contours where there were none, or the other way round.
        number: of the shown one, from 0.
    """

    def __init__(self, logic):
        self.logic = logic
        self.changed = Signal()
        self.number = 0
        self._candidates: tuple[Any, ...] = ()
        self._preview = None
        self._contours = AnswerContours(logic.scene)
        logic.stateChanged.connect(self._onStateChanged)

    def take(self, candidates) -> None:
        """Candidates of a result, whose first the preview shows; None where none were asked for."""
        self.forget()
        self._candidates, self._preview = tuple(candidates or ()), self.logic.preview

    def forget(self) -> None:
        self._contours.hide()
        self._candidates, self._preview, self.number = (), None, 0

    @property
    def count(self) -> int:
        """How many there are for the preview; 0 where one was asked for, or there is no preview."""
        isCurrent = self.logic.state is State.PREVIEW and self.logic.preview is self._preview
        return len(self._candidates) if isCurrent else 0

    @property
    def probability(self) -> float:
        """Of the shown one, 0-1, that it is the best of all."""
        return self._candidates[self.number].probability

    @property
    def mostDifferentSlice(self) -> int | None:
        """Where the shown one differs most from the first."""
        run = self.logic.results.run or {}
        return run["candidates"][self.number]["most_different_slice"] if run.get("candidates") else None

    def showNext(self) -> None:
        """Shows the next one, after the last the first.

        Raises:
            SceneError: there is only one, or none.
        """
        if self.count < 2:
            raise SceneError(_("There is no other answer: the network is sure, or Settings ask for one answer only."))
        self.show((self.number + 1) % self.count)

    def show(self, number: int) -> None:
        """Makes an answer the preview."""
        self.number = number
        self._preview.showVolume(self._candidates[number].labels)
        self.changed.emit()

    @property
    def areContoursShown(self) -> bool:
        return self._contours.node is not None

    def showContours(self, shown: bool) -> None:
        """All answers as contours, over whatever is shown."""
        if shown and self.count > 1:
            self._contours.show(self._preview, [one.labels for one in self._candidates])
        else:
            self._contours.hide()
        self.changed.emit()

    def follow(self) -> None:
        """The preview lies elsewhere now."""
        self._contours.follow(self._preview)

    def _onStateChanged(self) -> None:
        if not self.count and self._candidates:
            self.forget()
        self.changed.emit()
