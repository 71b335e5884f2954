"""Keeps what C libraries print straight to stderr apart from our own one-sentence errors."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def native_messages_held() -> Iterator[None]:
    """Hold back stderr (file descriptor 2) while SimpleITK reads or writes.

    NIfTI and MetaImage code prints diagnostics there by itself. When the block succeeds they are printed after all
    (they are warnings); when it raises they are dropped, because the error that is raised says what matters.
    """
    try:
        sys.stderr.flush()
        original = os.dup(2)
    except (AttributeError, OSError):  # a graphical application without a console has no stderr
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(original, 2)
            os.close(original)
        held.seek(0)
        for line in held:
            os.write(2, line)
