"""Libraries of small scans, in memory where there is such a folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from PatchICLLib.library import Library
from Testing.Miniatures.finished_cases import put

MEMORY = Path("/dev/shm")


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    if not os.access(MEMORY, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="patchicl-test-", dir=MEMORY) as folder:
        (inner := Path(folder) / "files").mkdir()
        yield inner


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Of two cases."""
    made = Library.open(tmp_path / "library", may_be_new=True)
    for seed in (1, 2):
        put(made, seed)
    return made
