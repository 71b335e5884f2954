"""Printing that never decides how a command ends: names are shown as they are, and a full disk only loses the text."""

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO, cast

from rich.console import Console
from rich.table import Column
from rich.text import Text


def plain_console(stderr: bool = False) -> Console:
    """A console that takes no square bracket or colon in a name for markup; styles are given as `Text`."""
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def wrote(path: object, more: str = "") -> Text:
    """The line that tells of a file that was written."""
    return Text.assemble(("Wrote", "green"), f" {path}{more}")


def columns(texts: Iterable[str], numbers: Iterable[str]) -> list[Column]:
    """Those of a table by their headings: texts, then numbers, on the right."""
    return [*(Column(heading) for heading in texts), *(Column(heading, justify="right") for heading in numbers)]


class _Unfailing:
    """A text stream whose failures lose what is printed and nothing else.

    What the encoding of a console lacks is shown as an escape sequence.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            try:
                self._stream.write(text)
            except UnicodeEncodeError:
                encoding = self._stream.encoding
                self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        except (OSError, ValueError):  # ValueError: the stream is closed
            self._silence()
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self._silence()

    def _silence(self) -> None:
        """Lead what is left in the stream's buffer nowhere, or the interpreter would fail on it when it ends."""
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            try:
                os.dup2(nowhere, self._stream.fileno())
            finally:
                os.close(nowhere)
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def printing_never_fails() -> Iterator[None]:
    """While the block runs, nothing that is printed raises."""
    before = sys.stdout, sys.stderr
    # a graphical application without a console has neither
    sys.stdout, sys.stderr = (None if one is None else cast(TextIO, _Unfailing(one)) for one in before)
    try:
        yield
    finally:
        for one in (sys.stdout, sys.stderr):
            if one is not None:
                one.flush()
        sys.stdout, sys.stderr = before
