"""Outlines drawn between two painted slices, as sure as they can be, beside what the network sees.

The network looks at the image. Where nothing in the image marks a structure's edge, or painted slices are so close
that the outline hardly moves from one to the next, the straight way between them says more. How much it says differs
from pixel to pixel: much where both outlines run far away or where they agree, little where they run apart. The way is
that of Raya and Udupa, "Shape-based interpolation of multidimensional objects", IEEE Trans. Med. Imaging 9(1), 1990.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.hints.signed_distance import signed_distance
from PatchICLLib.propagation.filled_slices import FilledSlices
from PatchICLLib.propagation.geometry.gaps import Gap
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.runtime.transfers import to_device

WEIGHT = 2.0  # beside the network's logits, next to a painted slice and where both painted slices hold the same
_BLUR = 0.25  # pixels by which an outline is unsure that does not move
_INSIDE, _OUTSIDE = 2.0, 1.0  # most that they say; less outside, because structures bulge and new parts appear
_FARTHEST = 1e3  # pixels; a plane that is painted all over has no outline

Window = tuple[slice, slice]


class Outlines:
    """Outlines between the two painted slices that bound a gap; they say nothing where there are no two.

    Args:
        volume: image and painting.
        label: the label.
        gap: what is filled.
        check: called now and then; may raise to stop.
    """

    def __init__(self, volume: SlicedVolume, label: int, gap: Gap, check: Callable[[], None] = lambda: None) -> None:
        self.volume, self.check = volume, check
        self.bounds = [z for z in (gap.before, gap.after) if z is not None]
        self.masks = [volume.painted[z] == label for z in self.bounds]
        both = gap.inner and all(mask.any() for mask in self.masks)
        held = sum(int(mask.sum()) for mask in self.masks)
        self.overlap = 2 * int((self.masks[0] & self.masks[1]).sum()) / held if both else 0.0
        self._kept: tuple[Window, Tensor] | None = None

    def of(self, filled: FilledSlices) -> FilledSlices:
        """The same slices, averaged before (see ``AcrossSlices``), with what outlines say added to their logits."""
        if not self.overlap:
            return filled
        says = self.logits(filled.indices, filled.window, filled.logits.device)
        return replace(filled, logits=filled.logits + says)

    def logits(self, indices: Sequence[int], window: Window, device: torch.device) -> Tensor:
        """What the outlines say of slices between: (n, h, w) float32 of the window, -2 to 4.

        The signed distance between the two, linear in the way, over the pixels by which it is unsure: a quarter, and
        as much as the outlines differ there, nothing of it at the painted slices, all of it half-way. Weighed by the
        overlap (Dice) of the two, and by one over the number of slices to the nearer.
        """
        first, last = self.bounds
        before, apart = self._distances(window, device)
        place = np.array(indices) - first
        way = place / (last - first)
        steps = np.minimum(place, last - first - place)
        numbers = np.stack([way, 2 * np.minimum(way, 1 - way), WEIGHT * self.overlap / steps])
        way_, unsure, weight = to_device(array_tensor(numbers), device)[..., None, None]
        says = (before + way_ * apart) / (_BLUR + unsure * apart.abs())
        return says.clamp(-_OUTSIDE, _INSIDE) * weight

    def _distances(self, window: Window, device: torch.device) -> Tensor:
        """(2, h, w) of the window: signed distance to the first outline, and how much farther it is to the last.

        In units of the smaller side of a pixel.
        """
        if self._kept is None or self._kept[0] != window:
            spacing = self.volume.spacing
            pixel = (spacing[0] / min(spacing), spacing[1] / min(spacing))
            around = _grown(window, self.masks[0] | self.masks[1])
            cut = tuple(slice(w.start - a.start, w.stop - a.start) for w, a in zip(window, around, strict=True))
            distances = []
            for mask in self.masks:
                self.check()  # planes of thousands of pixels a side take half a second each
                distances.append(signed_distance(mask[around], pixel)[cut].clip(-_FARTHEST, _FARTHEST))
            both = np.stack([distances[0], distances[1] - distances[0]])
            self._kept = window, to_device(array_tensor(both), device)
        return self._kept[1]


def _grown(window: Window, held: np.ndarray) -> Window:
    """The window grown to hold all that is held and what lies next to it, so that no distance is cut short."""
    grown = []
    for axis, side in enumerate(window):
        places = np.flatnonzero(held.any(1 - axis))
        start = max(0, min(side.start, int(places[0]) - 1))
        grown.append(slice(start, min(held.shape[axis], max(side.stop, int(places[-1]) + 2))))
    return grown[0], grown[1]
