"""Keeps what C libraries print straight to stderr away from our own one-sentence errors."""

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def native_messages_dropped() -> Iterator[None]:
    """Drop what is written to stderr (file descriptor 2) while SimpleITK reads or writes.

    ITK and the libraries below it print diagnostics there, with memory addresses and each several times. Whatever of
    it matters to a user is found by our own checks and said in a sentence.
    """
    try:
        sys.stderr.flush()
        original = os.dup(2)
    except (AttributeError, OSError):  # a graphical application without a console has no stderr
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(original, 2)
        os.close(original)
        os.close(nowhere)
