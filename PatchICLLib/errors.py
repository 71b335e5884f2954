"""Errors that reach a user, each with a sentence that says what is wrong and what to do."""

from typing import Any


class PatchICLError(Exception):
    """Base of all errors raised on purpose by this package."""


class InputError(PatchICLError):
    """Something the user can mend: a file, an option, a painting. Exit code 2 on the command line."""


class NothingToFillError(InputError):
    """Every slice is painted."""

    def __init__(self) -> None:
        super().__init__("Every slice is painted, so there is nothing left to propagate.")


class WeightsError(InputError):
    """A weights file is missing, damaged, or made for another configuration."""


class WorkerError(PatchICLError):
    """The worker process died, ran out of memory, or answered something it should not."""


class Cancelled(PatchICLError):
    """The user cancelled. Exit code 130 on the command line.

    Attributes:
        partial: what was finished until then, such as a ``PropagationResult``, or None if nothing was.
    """

    def __init__(self, message: str = "Cancelled.", partial: Any = None) -> None:
        super().__init__(message)
        self.partial = partial


class Stopped(Cancelled):
    """The user stopped work that can go on later; the message says how. Exit code 130 on the command line."""
