"""How large uncertain parts are when the model's logits are shifted, and how alike two answers are by that alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from PatchICLLib.propagation.candidates.uncertain_parts import UncertainParts

SHIFTS = np.linspace(-3, 3, 25)  # of logits: from where only what is sure is left to where all that is uncertain is in
AS_IT_IS = len(SHIFTS) // 2


@dataclass(frozen=True, eq=False)
class PartSizes:
    """Answers are numbers of ``SHIFTS``, one for each of P parts.

    Attributes:
        voxels: (P, S) of a part at each shift.
        settled: (L,) voxels of each label with uncertain parts that no answer changes, painted ones apart.
        owners: (P, L) 1 for the label of a part, else 0.
    """

    voxels: np.ndarray
    settled: np.ndarray
    owners: np.ndarray

    @classmethod
    def of(cls, parts: UncertainParts, labels: np.ndarray, painted: np.ndarray) -> PartSizes:
        """Args: parts: of a result; labels, painted: (K, J, I), of the result, at least where it is not 0."""
        count = len(parts)
        voxels = np.zeros((count, len(SHIFTS)), np.int64)
        order = np.lexsort((parts.logits, parts.parts))
        edges = np.searchsorted(parts.parts[order], np.arange(count + 1))
        for part in range(count):
            ascending = parts.logits[order[edges[part] : edges[part + 1]]]
            voxels[part] = len(ascending) - np.searchsorted(ascending, -SHIFTS, side="right")
        names = np.unique(parts.labels)
        owner = np.zeros((count, len(names)))
        owner[parts.parts, np.searchsorted(names, parts.labels)] = 1
        unpainted = painted == 0
        all_of_it = np.array([np.count_nonzero((labels == name) & unpainted) for name in names])
        return cls(voxels, all_of_it - voxels[:, AS_IT_IS] @ owner, owner)

    def dice(self, one: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Dice of an answer (P,) with others (n, P), of each label: (n, L); 1 where both are empty."""
        parts = np.arange(len(self.voxels))
        common = self.settled + self.voxels[parts, np.minimum(one, others)] @ self.owners
        sizes = 2 * self.settled + (self.voxels[parts, one] + self.voxels[parts, others]) @ self.owners
        return np.where(sizes > 0, 2 * common / np.maximum(sizes, 1), 1.0)


def nearest_shift(shifts: np.ndarray) -> np.ndarray:
    """Numbers of the ``SHIFTS`` nearest to real numbers."""
    step = SHIFTS[1] - SHIFTS[0]
    return np.clip(np.rint((shifts - SHIFTS[0]) / step), 0, len(SHIFTS) - 1).astype(int)
