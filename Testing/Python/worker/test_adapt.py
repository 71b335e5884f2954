"""Weights learn from a library in the worker: with progress, stopped, gone on with, and told what they gained."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from PatchICLLib.errors import Cancelled, InputError
from PatchICLLib.library import Library
from PatchICLLib.propagation import CancelToken, Propagator
from PatchICLLib.worker import InProcessWorker
from Testing.Miniatures.patients import Patient, library_of
from Testing.Miniatures.small_cascade import small_weights

ARRAYS = np.zeros((1, 1, 1), np.float32), np.zeros((1, 1, 1), np.uint8)
ENGINE = "Testing.Python.worker.test_adapt:tiny"


def tiny(weights: str | None, device: str) -> Propagator:
    return Propagator(small_weights(), torch.device("cpu"))


def without_weights(weights: str | None, device: str) -> object:
    return object()


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return library_of(tmp_path / "library", Patient.of(2), Patient.of(3))


@pytest.mark.slow
def test_it_is_stopped_and_goes_on(library: Library) -> None:
    options: dict[str, Any] = {"adapt": str(library.path), "minutes": 4 / 60, "outputs": frozenset()}
    token, seen = CancelToken(), []

    def stop(progress: Any) -> None:
        seen.append(progress)
        token.cancel()

    with InProcessWorker(engine=ENGINE) as worker:
        with pytest.raises(Cancelled):
            worker.run(*ARRAYS, progress=stop, cancel=token, **options)
        assert seen[0].stage == "Training" and seen[0].done == 1
        done = seen[-1].done
        assert (library.adapted / "unfinished" / "checkpoint.pt").exists()
        seen.clear()
        report = worker.run(*ARRAYS, progress=seen.append, **options).report
    learned = [progress.done for progress in seen if progress.stage == "Training"]
    assert learned == list(range(done + 1, report["steps"] + 1))
    assert seen[-1].stage == "Measuring" and seen[-1].done == seen[-1].total
    assert report["left_out"] == 2
    assert [gain["structure"] for gain in report["gains"]] == [1]
    assert report["kept"] == bool(report["used"]) == (library.adapted / "weights.safetensors").exists()


def test_an_engine_without_weights_is_told(library: Library) -> None:
    worker = InProcessWorker(engine="Testing.Python.worker.test_adapt:without_weights")
    with worker, pytest.raises(InputError, match="no weights that could learn"):
        worker.run(*ARRAYS, adapt=str(library.path), minutes=1.0)
