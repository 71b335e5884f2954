"""A tiny cascade and a library of three patients who are alike."""

from pathlib import Path

import pytest

from PatchICLLib.library import Library
from PatchICLLib.weights import Pretrained
from Testing.Miniatures.patients import Patient, library_of
from Testing.Miniatures.small_cascade import small_weights


@pytest.fixture
def base() -> Pretrained:
    return small_weights()


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return library_of(tmp_path / "library", Patient.of(2), Patient.of(3, 1.07), Patient.of(4, 0.94))
