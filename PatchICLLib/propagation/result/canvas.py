"""Labels and probabilities of the whole volume, fused on a device from slices of single labels as they come in."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from scipy.special import expit, xlogy
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.propagation.result.device_volume import DeviceVolume
from PatchICLLib.propagation.result.filled_slices import FilledSlices, held, places
from PatchICLLib.runtime.transfers import to_device, to_host

_PAINTED = 2.0  # in place of a painted voxel's probability: none is likelier
_MOST = np.iinfo(np.uint8).max  # labels
_CODES = 2**16  # of numbers of half precision
_CHUNK = 32  # planes copied at a time


class Canvas:
    """The result under construction.

    The label with the largest logit above 0 wins a voxel; painted voxels are never touched, nor are slices for a label
    that was painted on them. What else is known of voxels overrules their logits. Nothing leaves the device before it
    is asked for.

    Args:
        volume: image and painting.
        labels: those that slices come of, at most 255.
        device: of the slices.
        temperature: logits are divided by it, which changes probabilities and no label.
        entropy: keep the entropy of the probability too.
    """

    def __init__(
        self,
        volume: SlicedVolume,
        labels: Sequence[int],
        device: torch.device,
        temperature: float = 1.0,
        entropy: bool = True,
    ) -> None:
        self.volume = volume
        self._tables = [to_device(array_tensor(table), device) for table in _known_of_halves(temperature)]
        turned = volume.orientation
        names = sorted(labels) if max(labels) > _MOST else range(1, max(labels) + 1)
        self._names = {label: name for name, label in enumerate(names, 1)}  # in a byte, in the same order
        self._values = np.array([0, *names], volume.painted.dtype)
        self._winner = DeviceVolume(turned, np.uint8, device)  # name of the label
        self._probability = DeviceVolume(turned, np.float32, device)
        self._entropy = DeviceVolume(turned, np.float32, device) if entropy else None
        self._volumes = [v for v in (self._probability, self._winner, self._entropy) if v is not None]
        self._touched = set(volume.painted_planes)  # where something is
        self._predicted: dict[int, list[tuple[slice, slice]]] = {}
        self._figures: list[tuple[int, tuple[int, ...], Tensor]] = []
        rows, columns = volume.painted_box[1:]
        place = turned.stored_window((rows, columns))
        for first in range(0, len(volume.painted_planes), _CHUNK):
            indices = volume.painted_planes[first : first + _CHUNK]
            painted = _PAINTED * (volume.painted[list(indices)][:, rows, columns] != 0)
            mirrored = to_device(array_tensor(np.flip(painted, turned.mirrored_sides)), device)
            self._probability.planes[:, *place].index_copy_(0, self._stored(indices, device), mirrored)

    def add(self, filled: FilledSlices) -> None:
        """Fuse slices of a label; their logits count in half precision."""
        turned, device = self.volume.orientation, filled.logits.device
        if self.volume.known is not None:
            filled = held(filled, self.volume.known)
        half = filled.logits.half()
        inside, (probability, entropy) = half > 0, self._known(half)
        sums = [probability.sum((1, 2)), entropy.sum((1, 2)), inside.sum((1, 2)).float()]
        self._figures.append((filled.label, filled.indices, torch.stack(sums)))

        labelled = inside.to(torch.uint8) * self._names[filled.label]
        new = [probability, labelled, *([] if self._entropy is None else [entropy])]
        if turned.mirrored_sides:
            new = [values.flip(turned.mirrored_sides) for values in new]
        numbers, place = self._stored(filled.indices, device), turned.stored_window(filled.window)
        if not self._touched.isdisjoint(filled.indices):
            new = self._fused(new, [v.planes[:, *place].index_select(0, numbers) for v in self._volumes])
        for volume, values in zip(self._volumes, new, strict=True):
            volume.planes[:, *place].index_copy_(0, numbers, values)
        self._touched.update(filled.indices)
        for index in filled.indices:
            self._predicted.setdefault(index, []).append(filled.window)

    def _known(self, logits: Tensor) -> list[Tensor]:
        """Probability and entropy in bits of logits (n, h, w) of half precision.

        Looked up: computed anew, their last bits would depend on the device, and on where in a batch a voxel lies.
        """
        codes = (logits.view(torch.int16).to(torch.int32) & _CODES - 1).flatten()
        return [table.index_select(0, codes).view(logits.shape) for table in self._tables]

    @staticmethod
    def _fused(new: Sequence[Tensor], known: Sequence[Tensor]) -> list[Tensor]:
        """Probability, name of the label and perhaps entropy of the likelier label."""
        probability, labelled = new[:2]
        best, winner = known[:2]
        # the lower label where two are equally likely, so that their order does not matter
        lower = (labelled > 0) & (labelled < winner)
        better = (probability > best) | ((probability == best) & lower)
        # exactly at 0.5 nothing is labelled, as with logits
        taken = better.to(torch.uint8)
        weight = taken.float()
        # arithmetic, because choosing by a condition takes the CPU four times as long; both are exact
        rest = [torch.lerp(k, n, weight) for n, k in zip(new[2:], known[2:], strict=True)]
        return [torch.maximum(probability, best), winner + taken * (labelled - winner), *rest]

    def figures(self) -> list[dict[str, Any]]:
        """Of each slice of a label, in the order in which they came: ``index``, ``label`` and what is known of them.

        ``uncertainty`` (0 to 1: entropy over probability plus entropy), ``entropy`` (bits, summed over voxels) and
        ``voxels`` of the label.
        """
        if not self._figures:
            return []
        names = [(label, index) for label, indices, _ in self._figures for index in indices]
        sums = to_host(torch.cat([of_slices for _, _, of_slices in self._figures], 1)).T.tolist()
        return [
            {
                "index": index,
                "label": label,
                "uncertainty": entropy / (expected + entropy) if entropy > 0 else 0.0,
                "entropy": entropy,
                "voxels": int(voxels),
            }
            for (label, index), (expected, entropy, voxels) in zip(names, sums, strict=True)
        ]

    def planes(self, indices: Sequence[int]) -> list[np.ndarray]:
        """Labels of slices, as they are stored."""
        turned = self.volume.orientation
        numbers = self._stored(indices, self._winner.planes.device)
        named = to_host(self._winner.planes.index_select(0, numbers))
        found = []
        for index, plane in zip(indices, named, strict=True):
            labels = self._values.take(plane.T if turned.transposed else plane)
            if index in self.volume.painted_planes:
                painted = turned.plane(self.volume.painted[index])
                np.copyto(labels, painted, where=painted != 0)
            found.append(labels)
        return found

    def labels(self) -> np.ndarray:
        """Labels in the stored order of axes; nothing can be added afterwards."""
        named, view = self._winner.array(self._box()), self.volume.orientation.view
        stored = named if self._values.dtype == np.uint8 else np.zeros(named.shape, self._values.dtype)
        if stored is not named:
            for index, windows in self._predicted.items():
                rows, columns = (_around(spans) for spans in zip(*windows, strict=True))
                view(stored)[index, rows, columns] = self._values.take(view(named)[index, rows, columns])
        self._paint(view(stored), lambda plane: plane)
        return stored

    def probability(self) -> np.ndarray:
        """Probability of the likeliest label in the stored order of axes; nothing can be added afterwards."""
        stored = self._probability.array(self._box())
        self._paint(self.volume.orientation.view(stored), lambda plane: 1)
        return stored

    def entropy(self) -> np.ndarray:
        """Entropy of the probability in bits, in the stored order of axes."""
        assert self._entropy is not None
        return self._entropy.array(self._box())

    def boxes(self) -> tuple[tuple[slice, slice, slice], ...]:
        """Where the volumes may differ from 0, in the stored order of axes: painted and predicted parts of slices."""
        parts = [(index, self.volume.painted_box[1:]) for index in self.volume.painted_planes]
        parts += [(index, window) for index, windows in self._predicted.items() for window in windows]
        return tuple(
            self.volume.orientation.stored_box((slice(index, index + 1), rows, columns))
            for index, (rows, columns) in parts
            if rows.start < rows.stop and columns.start < columns.stop
        )

    def _box(self) -> tuple[slice, slice, slice]:
        """A box around all that was predicted, in the stored order of axes; painted voxels come from the painting."""
        if not self._predicted:
            return slice(0, 0), slice(0, 0), slice(0, 0)
        rows, columns = zip(*(window for windows in self._predicted.values() for window in windows), strict=True)
        indices = slice(min(self._predicted), max(self._predicted) + 1)
        return self.volume.orientation.stored_box((indices, _around(rows), _around(columns)))

    def _paint(self, volume: np.ndarray, value: Callable[[np.ndarray], Any]) -> None:
        """Put what is worked out from a painted plane on its painted voxels."""
        rows, columns = self.volume.painted_box[1:]
        for index in self.volume.painted_planes:
            painted = self.volume.painted[index, rows, columns]
            np.copyto(volume[index, rows, columns], value(painted), where=painted != 0)

    def _stored(self, indices: Sequence[int], device: torch.device) -> Tensor:
        return places([self.volume.orientation.slice_index(z) for z in indices], device)


@lru_cache(maxsize=4)
def _known_of_halves(temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Probability and entropy in bits of every logit of half precision there is, by its code."""
    halves = np.arange(_CODES, dtype=np.uint16).view(np.float16)
    logits = np.where(np.isfinite(halves), halves, 0).astype(np.float64) / temperature
    likely, unlikely = expit(logits), expit(-logits)
    return likely, -(xlogy(likely, likely) + xlogy(unlikely, unlikely)) / math.log(2)


def _around(spans: Sequence[slice]) -> slice:
    return slice(min(span.start for span in spans), max(span.stop for span in spans))
