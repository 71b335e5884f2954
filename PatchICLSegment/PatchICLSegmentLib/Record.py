"""What the user was told and what the worker printed, remembered for a bug report."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from .Signal import Signal
from .Translation import toldOf

_SENTENCES = 50
_LINES = 200
_LINE_LENGTH = 2000


@dataclass(frozen=True)
class Told:
    """Attributes: time: of day, as text; text: without names, in English."""

    time: str
    text: str


class Record:
    """Attributes: crashed: signal without arguments; the worker died, or failed in a way that nobody foresaw."""

    def __init__(self, now: Callable[[], str] = lambda: time.strftime("%H:%M:%S")):
        self.crashed = Signal()
        self._now = now
        self._sentences: deque[tuple[str, Told]] = deque(maxlen=_SENTENCES)
        self._lines: deque[str] = deque(maxlen=_LINES)

    @property
    def sentences(self) -> list[Told]:
        return [told for _kind, told in self._sentences]

    @property
    def workerLog(self) -> list[str]:
        """The last lines that the worker printed, as they came."""
        return list(self._lines)

    def add(self, sentence: str) -> None:
        """The user was told this. Of one that only counts on, such as progress, the last is kept."""
        if not sentence:
            return
        told = toldOf(sentence)
        kind = "".join(character for character in told if not character.isdigit())
        if self._sentences and self._sentences[-1][0] == kind:
            self._sentences.pop()
        self._sentences.append((kind, Told(self._now(), told)))

    def addLine(self, line: str) -> None:
        """The worker printed this."""
        self._lines.append(line[:_LINE_LENGTH])
