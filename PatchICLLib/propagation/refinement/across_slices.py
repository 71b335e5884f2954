"""Averaging of each predicted slice with the slices beside it.

The network sees one slice at a time. What it is not sure of it decides now this way, now that way from one slice to the
next, while structures go on. An average of probabilities needs no further look at the image. The farther apart slices
are, the more a structure changes from one to the next, and the less they count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from scipy.special import expit, logit

from PatchICLLib.propagation.gap_filling import FilledSlice
from PatchICLLib.propagation.geometry.gaps import Gap
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume

SHARE = 0.2  # of either slice beside, where slices are as close as pixels; the rest is the slice's own
TEMPERATURE = 2.0  # logits are divided by it for the average, lest the surest slice decides alone
_SURE = 1e-7  # probabilities keep this far from 0 and 1, where logits end


class AcrossSlices:
    """Averages the slices of one gap of one label, each as soon as the slices beside it are predicted.

    A painted slice counts as it was painted. Where nothing is predicted on one side (the volume, the extent or region
    asked for, or the structure ends; or the other slice's window is smaller), the slice itself counts for it. Beyond
    its own window a slice stays empty: where only a neighbour has something, the average would not reach one half.

    Slices that wait for the next batch when the work is cancelled, at most two a gap, are not given away.

    Args:
        volume: image and painting.
        label: the label.
        gap: what is filled.
    """

    def __init__(self, volume: SlicedVolume, label: int, gap: Gap) -> None:
        self.volume, self.label = volume, label
        apart = max(1.0, volume.step / min(volume.spacing))  # in pixels
        self._share = SHARE / (1 + (apart - 1) ** 2)
        self._bounds = [z for z in (gap.before, gap.after) if z is not None]
        self._missing = set(gap.slices)  # not given away yet
        self._own: dict[int, FilledSlice] = {}  # as the network has them, while they are needed

    def of(self, batches: Iterator[list[FilledSlice]]) -> Iterator[list[FilledSlice]]:
        """The same slices, averaged, in batches that are never empty; each waits for the slices beside it."""
        for batch in batches:
            self._own |= {filled.index: filled for filled in batch}
            yield from self._given_away(self._is_settled)
        yield from self._given_away(lambda _: True)

    def _is_settled(self, index: int) -> bool:
        return all(z in self._own or z not in self._missing for z in _beside(index))

    def _given_away(self, ready: Callable[[int], bool]) -> Iterator[list[FilledSlice]]:
        chosen = [z for z in self._own if z in self._missing and ready(z)]
        if chosen:
            averaged = [self._averaged(z) for z in chosen]
            self._missing.difference_update(chosen)
            self._own = {z: own for z, own in self._own.items() if self._missing.intersection((z, *_beside(z)))}
            yield averaged

    def _averaged(self, index: int) -> FilledSlice:
        filled = self._own[index]
        own = _probability(filled)
        mean = (1 - 2 * self._share) * own
        for z in _beside(index):
            mean += self._share * self._seen_from(filled, z, own)
        return replace(filled, logits=TEMPERATURE * logit(mean.clip(_SURE, 1 - _SURE)))

    def _seen_from(self, filled: FilledSlice, beside: int, own: np.ndarray) -> np.ndarray:
        """Probability of the slice beside, in the window of a slice."""
        if beside in self._bounds:
            return (self.volume.painted[beside][filled.window] == self.label).astype(own.dtype)
        if beside not in self._own:
            return own
        other = self._own[beside]
        probability = _probability(other)
        if other.window == filled.window:
            return probability
        plane = np.empty(self.volume.image.shape[1:], own.dtype)
        plane[filled.window] = own
        plane[other.window] = probability
        return plane[filled.window]


def _probability(filled: FilledSlice) -> np.ndarray:
    probability: np.ndarray = expit(filled.logits / TEMPERATURE)
    return probability


def _beside(index: int) -> tuple[int, int]:
    return index - 1, index + 1
