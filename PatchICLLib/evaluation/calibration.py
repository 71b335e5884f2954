"""Is the uncertainty true? Binned probability against frequency, and entropy against error.

Bins are kept as sums, so that those of many structures add up. They cover the judged voxels in the reference's box
plus 35 % on each side: the empty rest of a scan is right by default and would make any method look calibrated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

BINS = 15
NEIGHBOURHOOD_SHARE = 0.35


@dataclass(frozen=True)
class Bins:
    """Sums over voxels in equal bins of [0, 1].

    Attributes:
        count: (15,) voxels.
        value: (15,) sum of what was predicted: the probability, or the entropy in bits.
        outcome: (15,) sum of what was observed: inside the reference, or wrongly labelled.
    """

    count: np.ndarray
    value: np.ndarray
    outcome: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, outcomes: np.ndarray) -> Bins:
        """Bin `values` (n,) in [0, 1] with what was observed for each, `outcomes` (n,) bool."""
        index = np.minimum((values * BINS).astype(np.int64), BINS - 1)
        return cls(
            np.bincount(index, minlength=BINS).astype(float),
            np.bincount(index, weights=values, minlength=BINS),
            np.bincount(index, weights=outcomes, minlength=BINS),
        )

    @classmethod
    def from_json(cls, lists: list[list[float]]) -> Bins:
        return cls(*(np.asarray(part, float) for part in lists))

    def to_json(self) -> list[list[float]]:
        return [np.round(part, 3).tolist() for part in (self.count, self.value, self.outcome)]

    def __add__(self, other: Bins) -> Bins:
        return Bins(self.count + other.count, self.value + other.value, self.outcome + other.outcome)

    def means(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean value and share of outcomes of each bin that is not empty."""
        filled = self.count > 0
        return self.value[filled] / self.count[filled], self.outcome[filled] / self.count[filled]

    def gap(self, expected: np.ndarray | None = None) -> float:
        """Mean over voxels of the distance between each bin's share of outcomes and what it should be.

        Args:
            expected: what each filled bin's share should be; default its mean value, which for probabilities makes
                this the expected calibration error (Guo et al., "On Calibration of Modern Neural Networks", 2017).
        """
        filled = self.count > 0
        values, shares = self.means()
        weights = self.count[filled] / self.count.sum()
        return float(np.sum(weights * np.abs(shares - (values if expected is None else expected))))


def error_rate_of_entropy(entropy: np.ndarray) -> np.ndarray:
    """The error rate p <= 1/2 of a calibrated voxel with this binary entropy (bits): the inverse of H on [0, 1/2]."""
    low, high = np.zeros_like(entropy, float), np.full_like(entropy, 0.5, float)
    for _ in range(40):
        middle = (low + high) / 2
        below = _binary_entropy(middle) < entropy
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


def neighbourhood(reference: np.ndarray) -> tuple[slice, ...]:
    """The reference's box plus 35 % of each side (at least 3 voxels) on either end, cut at the volume's border."""
    box = ndimage.find_objects(reference.astype(np.uint8))[0]
    window = []
    for side, count in zip(box, reference.shape, strict=True):
        margin = max(3, int(np.ceil(NEIGHBOURHOOD_SHARE * (side.stop - side.start))))
        window.append(slice(max(0, side.start - margin), min(count, side.stop + margin)))
    return tuple(window)


def _binary_entropy(p: np.ndarray) -> np.ndarray:
    inside = np.clip(p, 1e-12, 1 - 1e-12)
    return -(inside * np.log2(inside) + (1 - inside) * np.log2(1 - inside))
