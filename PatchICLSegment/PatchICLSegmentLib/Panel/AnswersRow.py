"""Several answers, in the action bar: which one is shown, the next one, and all as contours."""

from ..Signal import Connections
from ..Translation import _


class AnswersRow:
    """Out of sight while there is one answer."""

    def __init__(self, ui, logic, attempt):
        self.ui, self.logic = ui, logic
        self._attempt = attempt
        self._updating = False
        ui.nextAnswerButton.connect("clicked()", self.showNext)
        ui.answerContoursCheckBox.connect("toggled(bool)", self._onContours)
        self._connections = Connections((logic.answers.changed, self.refresh))
        self.refresh()

    def stop(self) -> None:
        """Its widgets may go, while the logic stays."""
        self._connections.end()

    def showNext(self) -> None:
        self._attempt(self.logic.answers.showNext)

    def refresh(self) -> None:
        answers = self.logic.answers
        for widget in (self.ui.answerLabel, self.ui.nextAnswerButton, self.ui.answerContoursCheckBox):
            widget.setVisible(answers.count > 1)
        if answers.count < 2:
            return
        text = (
            _("Answer {number} of {count}, the usual result, {probability:.0f} %")
            if answers.number == 0  # however probable
            else _("Answer {number} of {count}, {probability:.0f} %")
        )
        text = text.format(number=answers.number + 1, count=answers.count, probability=100 * answers.probability)
        place = answers.mostDifferentSlice
        if place is not None:
            text = _("{answer}: differs most on slice {index}").format(answer=text, index=place)
        self.ui.answerLabel.setText(text)
        self._updating = True
        self.ui.answerContoursCheckBox.setChecked(answers.areContoursShown)
        self._updating = False

    def _onContours(self, shown: bool) -> None:
        if not self._updating:
            self.logic.answers.showContours(shown)
