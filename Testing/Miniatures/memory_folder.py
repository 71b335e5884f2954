"""A folder in memory where there is such a thing, for tests with thousands of commits, which wait for no disk there."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_MEMORY = Path("/dev/shm")


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    if not os.access(_MEMORY, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="patchicl-test-", dir=_MEMORY) as folder:
        (inner := Path(folder) / "files").mkdir()  # tests may put something beside it
        yield inner
