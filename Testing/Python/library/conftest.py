"""Libraries of small scans, in memory where there is such a folder."""

from pathlib import Path

import pytest

from PatchICLLib.library import Library
from Testing.Miniatures.finished_cases import put
from Testing.Miniatures.memory_folder import tmp_path  # noqa: F401


@pytest.fixture
def library(tmp_path: Path) -> Library:  # noqa: F811
    """Of two cases."""
    made = Library.open(tmp_path / "library", may_be_new=True)
    for seed in (1, 2):
        put(made, seed)
    return made
