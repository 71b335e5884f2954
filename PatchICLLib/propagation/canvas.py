"""Labels and probabilities of the whole volume, fused from slices of single labels as they come in."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from PatchICLLib.propagation.gap_filling import FilledSlice
from PatchICLLib.propagation.sliced_volume import SlicedVolume


def entropy_bits(probability: np.ndarray) -> np.ndarray:
    """``-p log2 p - (1 - p) log2 (1 - p)``, 0 at 0 and 1; same shape, float32."""
    p = np.clip(probability, 0.0, 1.0).astype(np.float32)
    q = 1 - p
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -(p * np.log2(p) + q * np.log2(q))
    return np.where((p > 0) & (q > 0), entropy, 0).astype(np.float32)


class Canvas:
    """The result under construction.

    The label with the largest logit above 0 wins a voxel; painted voxels are never touched, nor are slices for a label
    that was painted on them. Pages of the volumes that are never written take no memory.
    """

    def __init__(self, volume: SlicedVolume, painted_slices: dict[int, tuple[int, ...]]) -> None:
        self.volume = volume
        order = [volume.axis if a == 0 else a - 1 if a <= volume.axis else a for a in range(3)]
        shape = [0, 0, 0]
        for place, axis in enumerate(order):
            shape[axis] = volume.painted.shape[place]
        self._labels = np.zeros(shape, volume.painted.dtype)
        self._probability = np.zeros(shape, np.float32)
        self.labels = np.moveaxis(self._labels, volume.axis, 0)
        self.probability = np.moveaxis(self._probability, volume.axis, 0)
        for index in np.flatnonzero((volume.painted != 0).any((1, 2))):
            plane = volume.painted[index]
            self.labels[index] = plane
            self.probability[index] = plane != 0

    def add(self, label: int, filled: FilledSlice) -> dict[str, float]:
        """Fuse a slice of a label.

        Returns:
            Its figures: ``uncertainty`` (0 to 1: entropy over probability plus entropy), ``entropy`` (bits, summed
            over voxels) and ``voxels`` of the label.
        """
        probability = expit(filled.logits.astype(np.float32))
        labels, best = self.labels[filled.index][filled.window], self.probability[filled.index][filled.window]
        free = self.volume.painted[filled.index][filled.window] == 0
        better = free & (probability > best)
        best[better] = probability[better]
        # exactly at 0.5 nothing is labelled, as with logits
        labels[better] = np.where(filled.logits[better] > 0, label, 0).astype(labels.dtype)
        entropy = float(entropy_bits(probability).sum())
        expected = float(probability.sum())
        return {
            "uncertainty": entropy / (expected + entropy) if entropy > 0 else 0.0,
            "entropy": entropy,
            "voxels": int((filled.logits > 0).sum()),
        }

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """Labels and probability in the volume's own order of axes."""
        return self._labels, self._probability
