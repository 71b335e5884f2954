"""What this run has written so far, so that a message after Ctrl-C says what is true."""

from collections.abc import Iterable
from pathlib import Path

_written: dict[Path, None] = {}


def note_written(paths: Iterable[Path]) -> None:
    """Remember files that are complete in their places."""
    _written.update(dict.fromkeys(paths))


def written() -> list[Path]:
    """Files that this run has written, in order."""
    return list(_written)


def forget_written() -> None:
    """Begin a run."""
    _written.clear()
