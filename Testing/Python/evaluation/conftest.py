"""A small folder of labelled cases with shapes whose scores are known."""

from pathlib import Path

import pytest

from Testing.Miniatures.labelled_cases import write_tubes_and_cones


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two sources: `tubes` with cases a and b (two cylinders each, and one of 5 slices only), `cones` with one cone."""
    write_tubes_and_cones(tmp_path / "data")
    return tmp_path / "data"
