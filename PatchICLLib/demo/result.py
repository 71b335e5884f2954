"""What the demo found, ready for the table and the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from PatchICLLib.demo.sample import Sample

if TYPE_CHECKING:
    from PatchICLLib.propagation import PropagationResult

OURS, NEAREST, INTERPOLATION = "PatchICL", "Nearest copy", "Shape interpolation"
METHODS = (OURS, NEAREST, INTERPOLATION)


@dataclass(frozen=True, eq=False)
class DemoResult:
    """Attributes:
    sample: scan, reference, names.
    axis: array axis across the slices.
    painted: (K, J, I) what was painted.
    painted_slices: per label.
    propagation: the engine's result.
    dice: per label and method (see `METHODS`), on the slices not painted for it.
    seconds: time of the propagation, without loading the model.
    """

    sample: Sample
    axis: int
    painted: np.ndarray
    painted_slices: dict[int, tuple[int, ...]]
    propagation: PropagationResult
    dice: dict[int, dict[str, float]]
    seconds: float

    def mean_dice(self, method: str) -> float:
        """Mean over the structures."""
        return float(np.mean([scores[method] for scores in self.dice.values()]))
