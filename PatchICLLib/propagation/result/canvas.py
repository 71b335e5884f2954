"""Labels and probabilities of the whole volume, fused from slices of single labels as they come in."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from PatchICLLib.propagation.gap_filling import FilledSlice
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume


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

    Args:
        volume: image and painting.
        painted_slices: of each label.
        temperature: logits are divided by it, which changes probabilities and no label.
    """

    def __init__(
        self, volume: SlicedVolume, painted_slices: dict[int, tuple[int, ...]], temperature: float = 1.0
    ) -> None:
        self.volume, self.temperature = volume, temperature
        stored = volume.orientation.shape
        self._labels = np.zeros(stored, volume.painted.dtype)
        self._probability = np.zeros(stored, np.float32)
        self.labels = volume.orientation.view(self._labels)
        self.probability = volume.orientation.view(self._probability)
        self._predicted: dict[int, list[tuple[slice, slice]]] = {}
        rows, columns = volume.painted_box[1:]
        for index in volume.painted_planes:
            plane = volume.painted[index, rows, columns]
            self.labels[index, rows, columns] = plane
            self.probability[index, rows, columns] = plane != 0

    def add(self, label: int, filled: FilledSlice) -> dict[str, float]:
        """Fuse a slice of a label.

        Returns:
            Its figures: ``uncertainty`` (0 to 1: entropy over probability plus entropy), ``entropy`` (bits, summed
            over voxels) and ``voxels`` of the label.
        """
        probability = expit(filled.logits.astype(np.float32) / self.temperature)
        labels, best = self.labels[filled.index][filled.window], self.probability[filled.index][filled.window]
        inside = filled.logits > 0
        # the lower label where two are equally likely, so that their order does not matter
        better = (probability > best) | ((probability == best) & inside & (label < labels))
        better &= self.volume.painted[filled.index][filled.window] == 0
        np.copyto(best, probability, where=better)
        # exactly at 0.5 nothing is labelled, as with logits
        np.copyto(labels, inside * labels.dtype.type(label), where=better)
        self._predicted.setdefault(filled.index, []).append(filled.window)
        entropy = float(entropy_bits(probability).sum())
        expected = float(probability.sum())
        return {
            "uncertainty": entropy / (expected + entropy) if entropy > 0 else 0.0,
            "entropy": entropy,
            "voxels": int(inside.sum()),
        }

    def entropy(self) -> np.ndarray:
        """Entropy of the probability in bits, in the stored order of axes."""
        stored = np.zeros(self._probability.shape, np.float32)
        entropy = self.volume.orientation.view(stored)
        for index, windows in self._predicted.items():
            for window in windows:
                entropy[index][window] = entropy_bits(self.probability[index][window])
        return stored

    def boxes(self) -> tuple[tuple[slice, slice, slice], ...]:
        """Where the volumes may differ from 0, in the stored order of axes: painted and predicted parts of slices."""
        parts = [(index, self.volume.painted_box[1:]) for index in self.volume.painted_planes]
        parts += [(index, window) for index, windows in self._predicted.items() for window in windows]
        return tuple(
            self.volume.orientation.stored_box((slice(index, index + 1), rows, columns))
            for index, (rows, columns) in parts
            if rows.start < rows.stop and columns.start < columns.stop
        )

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """Labels and probability in the stored order of axes."""
        return self._labels, self._probability
