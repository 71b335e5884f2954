"""A tiny cascade and a library of three patients who are alike."""

from pathlib import Path

import pytest
import torch

from PatchICLLib.cascade.sparse import SparseCascade
from PatchICLLib.library import Library
from PatchICLLib.weights import Pretrained
from Testing.Miniatures.patients import Patient
from Testing.Miniatures.small_cascade import SMALL


@pytest.fixture
def base() -> Pretrained:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return Pretrained(SparseCascade(SMALL).eval(), "tiny", "sparse", "0" * 64, {})


@pytest.fixture
def library(tmp_path: Path) -> Library:
    made = Library.open(tmp_path / "library", may_be_new=True)
    for seed, scale in ((2, 1.0), (3, 1.07), (4, 0.94)):
        Patient.of(seed, scale).added_to(made)
    return made
