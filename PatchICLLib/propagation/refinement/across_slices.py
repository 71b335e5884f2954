"""Averaging of each predicted slice with the slices beside it.

The network sees one slice at a time. What it is not sure of it decides now this way, now that way from one slice to the
next, while structures go on. An average of probabilities needs no further look at the image. The farther apart slices
are, the more a structure changes from one to the next, and the less they count.

Where intensities tell the structure from what lies beside it, the network is right to move its edge from slice to
slice: thin sheets and branches, which lie elsewhere on the next slice, would be averaged away.
"""

from dataclasses import replace

import torch
from torch import Tensor

from PatchICLLib.propagation.geometry.gaps import Gap
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.propagation.refinement.painted_bounds import PaintedBounds, Window
from PatchICLLib.propagation.result.filled_slices import FilledSlices, places

SHARE = 0.2  # of either slice beside, where slices are as close as pixels; the rest is the slice's own
TOLD_APART = (0.6, 0.8)  # distinction from which on they count less, and from which on nothing
TEMPERATURE = 2.0  # logits are divided by it for the average, lest the surest slice decides alone
_SURE = 1e-7  # probabilities keep this far from 0 and 1, where logits end
_UNSEEN = -1.0  # in place of a probability where nothing was predicted


class AcrossSlices:
    """Averages the slices of one gap of one label, each as soon as the slices beside it are predicted.

    A painted slice counts as it was painted. Where nothing is predicted on one side (the volume, the extent or region
    asked for, or the structure ends; or the other slice's window is smaller), the slice itself counts for it. Beyond
    its own window a slice stays empty: where only a neighbour has something, the average would not reach one half.

    Slices that wait for the next batch when the work is cancelled, at most two a gap, are not given away.

    Args:
        volume: image and painting.
        gap: what is filled.
        bounds: the painted slices next to it.
        distinct: how well intensities tell the structure from what lies beside it, 0 to 1 (see ``distinction``).
    """

    def __init__(self, volume: SlicedVolume, gap: Gap, bounds: PaintedBounds, distinct: float = 0.0) -> None:
        apart = max(1.0, volume.step / min(volume.spacing))  # in pixels
        some, none = TOLD_APART
        needed = min(1.0, max(0.0, (none - distinct) / (none - some)))
        self._share = SHARE * needed / (1 + (apart - 1) ** 2)
        self._bounds = bounds
        self._missing = set(gap.slices)  # not given away yet
        self._own: list[FilledSlices] = []  # as the network has them, while they are needed

    def add(self, filled: FilledSlices) -> list[FilledSlices]:
        """Take slices from the network; gives, averaged, all that need not wait any longer for those beside them."""
        alike = [own for own in self._own if own.window == filled.window]
        self._own = [own for own in self._own if own.window != filled.window]
        self._own.append(FilledSlices.joined([*alike, filled]))
        known = {z for own in self._own for z in own.indices}
        return self._given_away({z for z in known if all(b in known or b not in self._missing for b in _beside(z))})

    def rest(self) -> list[FilledSlices]:
        """The slices that still wait, once no other is going to be predicted."""
        return self._given_away({z for own in self._own for z in own.indices})

    def _given_away(self, ready: set[int]) -> list[FilledSlices]:
        ready &= self._missing
        chosen = [(own, [n for n, z in enumerate(own.indices) if z in ready]) for own in self._own]
        averaged = [self._averaged(own.chosen(numbers)) for own, numbers in chosen if numbers]
        self._missing -= ready
        needed = {z for missing in self._missing for z in (missing, *_beside(missing))}
        kept = [(own, [n for n, z in enumerate(own.indices) if z in needed]) for own in self._own]
        self._own = [own if len(own) == len(numbers) else own.chosen(numbers) for own, numbers in kept if numbers]
        return averaged

    def _averaged(self, filled: FilledSlices) -> FilledSlices:
        probability, place = self._seen(filled.window)
        own = [place[z] for z in filled.indices]
        beside = [[place.get(z + way, place[z]) for z in filled.indices] for way in (-1, 1)]
        taken = places([*own, *beside[0], *beside[1]], filled.logits.device)
        mine, first, second = probability.index_select(0, taken).chunk(3)
        if any(other.window != filled.window for other in self._own):
            first, second = (torch.where(side == _UNSEEN, mine, side) for side in (first, second))
        mean = (1 - 2 * self._share) * mine + self._share * (first + second)
        return replace(filled, logits=TEMPERATURE * torch.logit(mean, _SURE))

    def _seen(self, window: Window) -> tuple[Tensor, dict[int, int]]:
        """Probabilities of all slices that are known, through a window, and where among them each slice is."""
        own = [_through(window, other) for other in self._own]
        indices = [*(z for other in self._own for z in other.indices), *self._bounds.indices]
        probability = torch.cat([*own, self._bounds.through(window, own[0].device)])
        return probability, {z: n for n, z in enumerate(indices)}


def softened(logits: Tensor) -> Tensor:
    """Probabilities, less sure than the network is."""
    return torch.sigmoid(logits / TEMPERATURE)


def _through(window: Window, filled: FilledSlices) -> Tensor:
    """Probabilities through another window, ``_UNSEEN`` beyond the slices' own."""
    probability = softened(filled.logits)
    if filled.window == window:
        return probability
    shape = [max(w.stop, f.stop) - min(w.start, f.start) for w, f in zip(window, filled.window, strict=True)]
    plane = probability.new_full((len(filled), *shape), _UNSEEN)
    seen, wanted = (
        tuple(
            slice(s.start - min(w.start, f.start), s.stop - min(w.start, f.start))
            for s, w, f in zip(spans, window, filled.window, strict=True)
        )
        for spans in (filled.window, window)
    )
    plane[:, *seen] = probability
    return plane[:, *wanted]


def _beside(index: int) -> tuple[int, int]:
    return index - 1, index + 1
