"""Libraries of small scans, in memory where there is such a folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from PatchICLLib.library import Library
from Testing.Miniatures.finished_cases import put
from Testing.Miniatures.memory_folder import in_memory


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    with in_memory(tmp_path) as folder:
        yield folder


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Of two cases."""
    made = Library.open(tmp_path / "library", may_be_new=True)
    for seed in (1, 2):
        put(made, seed)
    return made
