"""A folder in memory where there is such a thing, for tests with thousands of commits, which wait for no disk there."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

_MEMORY = Path("/dev/shm")


@contextlib.contextmanager
def in_memory(otherwise: Path) -> Iterator[Path]:
    """A folder in memory while the block runs, or the one given."""
    if not os.access(_MEMORY, os.W_OK):
        yield otherwise
        return
    with tempfile.TemporaryDirectory(prefix="patchicl-test-", dir=_MEMORY) as folder:
        (inner := Path(folder) / "files").mkdir()  # tests may put something beside it
        yield inner
