"""Outlines drawn between two painted slices, as sure as they can be, beside what the network sees.

The network looks at the image. Where nothing in the image marks a structure's edge, or painted slices are so close
that the outline hardly moves from one to the next, the straight way between them says more. How much it says differs
from pixel to pixel: much where both outlines run far away or where they agree, little where they run apart. The way is
that of Raya and Udupa, "Shape-based interpolation of multidimensional objects", IEEE Trans. Med. Imaging 9(1), 1990.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.hints.signed_distance import signed_distance, signed_distances
from PatchICLLib.propagation.geometry.gaps import Gap
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.propagation.refinement.painted_bounds import PaintedBounds, Window
from PatchICLLib.propagation.result.filled_slices import FilledSlices
from PatchICLLib.runtime.transfers import to_device

WEIGHT = 2.0  # beside the network's logits, next to a painted slice and where both painted slices hold the same
_BLUR = 0.25  # pixels by which an outline is unsure that does not move
_INSIDE, _OUTSIDE = 2.0, 1.0  # most that they say; less outside, because structures bulge and new parts appear
_FARTHEST = 1e3  # pixels; a plane that is painted all over has no outline


class Outlines:
    """Outlines between the two painted slices that bound a gap; they say nothing where there are no two.

    Args:
        volume: image and painting.
        gap: what is filled.
        bounds: the painted slices next to it.
        check: called now and then; may raise to stop.
    """

    def __init__(
        self, volume: SlicedVolume, gap: Gap, bounds: PaintedBounds, check: Callable[[], None] = lambda: None
    ) -> None:
        self.spacing, self.gap, self.bounds, self.check = volume.spacing, gap, bounds, check
        self._kept: tuple[Window, Tensor] | None = None

    @cached_property
    def overlap(self) -> float:
        """Dice of what is painted on both; 0 where there are no two."""
        if not self.gap.inner or min(self.bounds.sizes) == 0:
            return 0.0
        return 2 * int(np.count_nonzero(self.bounds.masks.all(0))) / sum(self.bounds.sizes)

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
        first, last = self.bounds.indices
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
            pixel = (self.spacing[0] / min(self.spacing), self.spacing[1] / min(self.spacing))
            around = _grown(window, np.asarray(self.bounds.masks.any(0)))
            cut = tuple(slice(w.start - a.start, w.stop - a.start) for w, a in zip(window, around, strict=True))
            first, last = self._signed(self.bounds.masks[:, *around], pixel, device)[:, *cut].clamp(
                -_FARTHEST, _FARTHEST
            )
            self._kept = window, torch.stack([first, last - first])
        return self._kept[1]

    def _signed(self, masks: np.ndarray, pixel: tuple[float, float], device: torch.device) -> Tensor:
        if device.type != "cpu":
            return signed_distances(to_device(array_tensor(masks, np.bool_), device), pixel)
        # planes of thousands of pixels a side take half a second each, and several on the way that suits a card
        distances = []
        for mask in masks:
            self.check()
            distances.append(signed_distance(mask, pixel))
        return array_tensor(np.stack(distances))


def _grown(window: Window, held: np.ndarray) -> Window:
    """The window grown to hold all that is held and what lies next to it, so that no distance is cut short."""
    grown = []
    for axis, side in enumerate(window):
        places = np.flatnonzero(held.any(1 - axis))
        start = max(0, min(side.start, int(places[0]) - 1))
        grown.append(slice(start, min(held.shape[axis], max(side.stop, int(places[-1]) + 2))))
    return grown[0], grown[1]
