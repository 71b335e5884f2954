"""What a propagation gives: labels, how sure it is, and what it looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from PatchICLLib.propagation.result.slice_logits import SliceLogits


@dataclass(frozen=True)
class PatchBox:
    """A patch in the slice plane.

    Attributes:
        slice_index: along the slicing axis.
        corner: row and column of its first corner, in voxels of the slice (voxel centres are whole numbers).
        size: rows and columns.
        score: mean entropy in bits for a target patch, closeness to the boundary (0 to 1) for a context patch.
    """

    slice_index: int
    corner: tuple[float, float]
    size: tuple[float, float]
    score: float

    def to_json(self) -> dict[str, Any]:
        return {
            "slice": self.slice_index,
            "corner": [round(v, 3) for v in self.corner],
            "size": [round(v, 3) for v in self.size],
            "score": round(self.score, 5),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> PatchBox:
        return cls(data["slice"], tuple(data["corner"]), tuple(data["size"]), data["score"])


@dataclass(frozen=True)
class LevelSelection:
    """One level of the cascade for one slice and label.

    Attributes:
        resolution: pixels a side of the region at this level.
        patches: of the target slice, most uncertain first.
        context_patches: of the painted slices that were looked at.
        coverage: share of the region that the patches cover, 0 to 1.
        mean_entropy: of the prediction before this level over the region, in bits.
    """

    resolution: int
    patches: tuple[PatchBox, ...]
    context_patches: tuple[PatchBox, ...]
    coverage: float
    mean_entropy: float

    def to_json(self) -> dict[str, Any]:
        return {
            "resolution": self.resolution,
            "coverage": round(self.coverage, 5),
            "mean_entropy": round(self.mean_entropy, 6),
            "patches": [p.to_json() for p in self.patches],
            "context_patches": [p.to_json() for p in self.context_patches],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> LevelSelection:
        return cls(
            data["resolution"],
            tuple(PatchBox.from_json(p) for p in data["patches"]),
            tuple(PatchBox.from_json(p) for p in data["context_patches"]),
            data["coverage"],
            data["mean_entropy"],
        )


@dataclass(frozen=True)
class SliceSelections:
    """All levels of the cascade, coarse to fine, for one slice and label."""

    slice_index: int
    label: int
    levels: tuple[LevelSelection, ...]

    def to_json(self) -> dict[str, Any]:
        return {"slice": self.slice_index, "label": self.label, "levels": [v.to_json() for v in self.levels]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> SliceSelections:
        return cls(data["slice"], data["label"], tuple(LevelSelection.from_json(v) for v in data["levels"]))


@dataclass(frozen=True, eq=False)
class Candidate:
    """What a result may be instead.

    Attributes:
        labels: as those of the result.
        probability: that this is the nearest to the truth of all candidates, 0 to 1.
    """

    labels: np.ndarray
    probability: float


@dataclass(frozen=True)
class PropagationResult:
    """Result of a propagation, on the grid of the image.

    Attributes:
        labels: (K, J, I), or (L, K, J, I) of a painting in layers, type of the painted labels; painted voxels and, for
            each label, its painted slices are as they were.
        probability: (K, J, I) float32, of the likeliest label, 0 to 1, the largest over layers; None if not asked
            for.
        entropy: (K, J, I) float32, of that probability in bits, 0 to 1, the largest over layers; None if not asked for.
        selections: patches looked at, per label and slice that was predicted, in the order of computation; None if not
            asked for.
        report: plain JSON: settings, provenance, timings, uncertainty per slice, suggested next slice.
        logits: of the slices that were asked for, as far as they were predicted; None if none were.
        boxes: where the volumes may differ from 0, for callers who need not look further; None if that is not known.
        candidates: the labels themselves first, then what else they may be, the most probable first; just the one where
            the model is not torn. None if they were not asked for, or the propagation was stopped.
    """

    labels: np.ndarray
    probability: np.ndarray | None
    entropy: np.ndarray | None
    selections: Sequence[SliceSelections] | None
    report: dict[str, Any]
    logits: tuple[SliceLogits, ...] | None = None
    boxes: tuple[tuple[slice, slice, slice], ...] | None = None
    candidates: tuple[Candidate, ...] | None = None

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """One box around all ``boxes``; the whole volume if they are not known."""
        if not self.boxes:
            first, second, third = (slice(0, n) for n in self.labels.shape[-3:])
        else:
            first, second, third = (
                slice(min(box[a].start for box in self.boxes), max(box[a].stop for box in self.boxes)) for a in range(3)
            )
        return first, second, third
