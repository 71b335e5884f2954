"""Stands in for the user: "paints" a few slices of each structure with the reference segmentation."""

import numpy as np


def paint_span(reference: np.ndarray, axis: int, count: int) -> tuple[np.ndarray, dict[int, tuple[int, ...]]]:
    """Paint `count` slices of each structure, equally spaced from its first to its last slice (protocol *span*).

    Args:
        reference: (K, J, I) labels, 0 is background.
        axis: array axis across the slices.
        count: slices per structure, at least 2.

    Returns:
        The painted labels (K, J, I), and per label the slices that were painted.
    """
    painted = np.zeros_like(reference)
    chosen: dict[int, tuple[int, ...]] = {}
    sliced, painted_sliced = np.moveaxis(reference, axis, 0), np.moveaxis(painted, axis, 0)
    for label in (int(value) for value in np.unique(reference) if value != 0):
        present = np.flatnonzero((sliced == label).any(axis=(1, 2)))
        wanted = np.linspace(present[0], present[-1], count)
        indices = sorted({int(present[np.abs(present - index).argmin()]) for index in wanted})
        for index in indices:
            painted_sliced[index][sliced[index] == label] = label
        chosen[label] = tuple(indices)
    return painted, chosen


def dice_on_unpainted(
    labels: np.ndarray, reference: np.ndarray, label: int, axis: int, painted_slices: tuple[int, ...]
) -> float:
    """Volumetric Dice of one label, 0 to 1, on the slices that were not painted for it."""
    unpainted = np.setdiff1d(np.arange(reference.shape[axis]), painted_slices)
    found = np.take(labels, unpainted, axis) == label
    truth = np.take(reference, unpainted, axis) == label
    total = int(found.sum()) + int(truth.sum())
    return 2 * int((found & truth).sum()) / total if total else 1.0
