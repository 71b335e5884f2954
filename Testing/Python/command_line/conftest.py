"""Small scans, and an engine that does something simple and known, for tests of what lies around the engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from PatchICLLib.command_line.app import main
from PatchICLLib.propagation.result.propagation_result import Candidate

SHAPE = (6, 16, 18)
SPACING = (0.7, 0.8, 2.5)
ORIGIN = (-31.0, 42.5, 7.25)
OBLIQUE = (0.96, 0.0, 0.28, 0.0, -1.0, 0.0, 0.28, 0.0, -0.96)


def run(*arguments: object) -> int:
    """The exit code of `patchicl` with these arguments."""
    return main([str(argument) for argument in arguments])


def save(array: np.ndarray, path: Path, spacing: tuple[float, float, float] = SPACING) -> Path:
    """Write an array on an oblique, flipped, anisotropic grid."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    image.SetOrigin(ORIGIN)
    image.SetDirection(OBLIQUE)
    sitk.WriteImage(image, str(path))
    return path


def save_plain(array: np.ndarray, path: Path, is_vector: bool = False) -> Path:
    sitk.WriteImage(sitk.GetImageFromArray(array, isVector=is_vector), str(path))
    return path


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    rng = np.random.default_rng(5)
    return save(rng.integers(0, 400, SHAPE).astype(np.int16), tmp_path / "scan.nii.gz")


@pytest.fixture
def painting() -> np.ndarray:
    """Label 1 on slices 1 and 4, label 3 on slice 2 of axis k."""
    painted = np.zeros(SHAPE, np.uint8)
    painted[1, 4:9, 5:11] = painted[4, 5:8, 5:9] = 1
    painted[2, 11:14, 2:6] = 3
    return painted


@pytest.fixture
def painted(tmp_path: Path, painting: np.ndarray) -> Path:
    return save(painting, tmp_path / "painted.nii.gz")


class SimpleEngine:
    """Calls itself a propagator: fills unpainted slices with the painting of slice 1, keeps what it was given."""

    def __init__(self) -> None:
        self.model: dict[str, Any] = {}
        self.options: dict[str, Any] = {}
        self.during: Callable[[], None] = lambda: None
        self.answers = 3

    def from_pretrained(self, **model: Any) -> SimpleEngine:
        self.model = model
        return self

    def propagate(
        self, image: np.ndarray, painted: np.ndarray, spacing: tuple, *, progress: Any, cancel: Any, **options: Any
    ) -> Any:
        self.image, self.spacing, self.options = image, spacing, options
        self.during()
        cancel.raise_if_cancelled()
        progress(SimpleNamespace(stage="propagating", done=3, total=4, elapsed=1.0, remaining=0.4))
        wanted = options["outputs"]
        labels = np.where(painted.any(axis=(1, 2))[:, None, None], painted, painted[1])
        patches = SimpleNamespace(to_json=lambda: {"slice_index": 3, "label": 1, "levels": []})
        found = None
        if options.get("candidates", 1) > 1:  # one for each number of slices that end earlier
            found = [labels * (np.arange(len(labels)) < len(labels) - number)[:, None, None] for number in range(3)]
            found = [Candidate(one.astype(labels.dtype), p) for one, p in zip(found, (0.5, 0.3, 0.2), strict=True)]
            found = found[: min(options["candidates"], self.answers)]
        said = [{"probability": one.probability, "most_different_slice": 5} for one in found or ()]
        return SimpleNamespace(
            labels=labels,
            probability=(labels > 0).astype(np.float32) * 0.75 if "probability" in wanted else None,
            entropy=(labels > 0).astype(np.float32) * 0.5 if "entropy" in wanted else None,
            selections=(patches,) if "selections" in wanted else None,
            report={
                "axis": "k",
                "device": "cpu",
                "painted_slices": {"1": [1, 4], "3": [2]},
                "painted_planes": {"1": {"k": [1, 4]}, "3": {"k": [2]}},
                "warnings": ["On slice 4 [1] hardly anything is painted."],
                "suggested_next_slice": 3,
                "weights": {"name": "none"},
                **({"candidates": said} if said else {}),
            },
            candidates=found,
        )


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> SimpleEngine:
    """The engine behind `patchicl propagate` in this test."""
    double = SimpleEngine()
    monkeypatch.setattr("PatchICLLib.command_line.propagate_files.Propagator", double)
    return double


@pytest.fixture
def refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must fail with exit code 2, one sentence on stderr, and nothing written; returns it."""

    def refusal(*arguments: object) -> str:
        before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}
        code = run(*arguments)
        captured = capfd.readouterr()
        assert code == 2
        assert captured.err.startswith("patchicl: ") and captured.err.count("\n") == 1, captured.err
        assert "Traceback" not in captured.err
        assert {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")} == before
        return captured.err

    return refusal
