"""Files in memory where there is such a folder, for thousands of commits wait for no disk."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    if not os.access(MEMORY, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="patchicl-test-", dir=MEMORY) as folder:
        (inner := Path(folder) / "files").mkdir()  # tests may put something beside it
        yield inner
