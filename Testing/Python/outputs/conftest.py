"""Files in memory where there is such a folder, for thousands of commits wait for no disk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from Testing.Miniatures.memory_folder import in_memory


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    with in_memory(tmp_path) as folder:
        yield folder
