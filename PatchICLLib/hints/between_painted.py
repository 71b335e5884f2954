"""Where target slices lie among the painted slices of their tasks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class BetweenPainted:
    """N target slices.

    Attributes:
        inner: (N,) bool, between two painted slices; a painted slice counts as the end of what lies before it.
        low: (N,) bool, at the first painted slice or before it.
        first, second: (N,) numbers of the painted slices on either side; the outermost twice where not inner.
        share: (N,) of the way from the first to the second, 0 to 1; 0 where not inner.
        beyond: (N,) distance to the outermost painted slice; 0 where inner.
    """

    inner: np.ndarray
    low: np.ndarray
    first: np.ndarray
    second: np.ndarray
    share: np.ndarray
    beyond: np.ndarray

    @classmethod
    def of(cls, positions: np.ndarray, counts: np.ndarray, task: np.ndarray, targets: np.ndarray) -> BetweenPainted:
        """Of targets (N,) of tasks ``task`` (N,) with ``counts`` (G,) painted slices at ``positions`` (G, k)."""
        last = np.asarray(counts)[task] - 1
        after = ((positions[task] < targets[:, None]) & (np.arange(positions.shape[1]) <= last[:, None])).sum(1)
        low, inner = after == 0, (after > 0) & (after <= last)
        first = np.where(inner, after - 1, np.where(low, 0, last))
        second = np.where(inner, after, first)
        start, end = positions[task, first], positions[task, second]
        share = np.where(inner, (targets - start) / np.where(inner, end - start, 1), 0)
        return cls(inner, low, first, second, share, np.where(inner, 0, np.abs(targets - start)))
