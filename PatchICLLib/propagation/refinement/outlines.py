"""Outlines drawn between two painted slices, as sure as they can be, beside what the network sees.

The network looks at the image. Where nothing in the image marks a structure's edge, or painted slices are so close
that the outline hardly moves from one to the next, the straight way between them says more. How much it says differs
from pixel to pixel: much where both outlines run far away or where they agree, little where they run apart. The way is
that of Raya and Udupa, "Shape-based interpolation of multidimensional objects", IEEE Trans. Med. Imaging 9(1), 1990.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from PatchICLLib.hints.signed_distance import signed_distance
from PatchICLLib.propagation.gap_filling import FilledSlice
from PatchICLLib.propagation.geometry.gaps import Gap
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume

WEIGHT = 2.0  # beside the network's logits, next to a painted slice and where both painted slices hold the same
_BLUR = 0.25  # pixels by which an outline is unsure that does not move
_INSIDE, _OUTSIDE = 2.0, 1.0  # most that they say; less outside, because structures bulge and new parts appear
_FARTHEST = 1e3  # pixels; a plane that is painted all over has no outline


class Outlines:
    """Outlines between the two painted slices that bound a gap.

    Args:
        volume: image and painting.
        label: the label.
        gap: between two painted slices that hold the label.
        check: called now and then; may raise to stop.
    """

    def __init__(self, volume: SlicedVolume, label: int, gap: Gap, check: Callable[[], None] = lambda: None) -> None:
        assert gap.before is not None and gap.after is not None
        self.volume, self.label, self.check = volume, label, check
        self.before, self.after = gap.before, gap.after
        first, last = self._masks()
        self.overlap = 2 * int((first & last).sum()) / int(first.sum() + last.sum())
        self._kept: tuple[tuple[slice, slice], np.ndarray, np.ndarray] | None = None

    def logits(self, index: int, window: tuple[slice, slice]) -> np.ndarray:
        """What the outlines say of a slice between: (h, w) float32 of the window, -2 to 4.

        The signed distance between the two, linear in the way, over the pixels by which it is unsure: a quarter, and
        as much as the outlines differ there, nothing of it at the painted slices, all of it half-way. Weighed by the
        overlap (Dice) of the two, and by one over the number of slices to the nearer.
        """
        before, after = self._distances(window)
        way = (index - self.before) / (self.after - self.before)
        steps = min(index - self.before, self.after - index)
        unsure = _BLUR + 2 * min(way, 1 - way) * np.abs(after - before)
        says = ((1 - way) * before + way * after) / unsure
        return (WEIGHT * self.overlap / steps * says.clip(-_OUTSIDE, _INSIDE)).astype(np.float32)

    def _masks(self) -> tuple[np.ndarray, np.ndarray]:
        return self.volume.painted[self.before] == self.label, self.volume.painted[self.after] == self.label

    def _distances(self, window: tuple[slice, slice]) -> tuple[np.ndarray, np.ndarray]:
        """Signed distances to both outlines in units of the smaller side of a pixel, cut to the window."""
        if self._kept is None or self._kept[0] != window:
            masks, spacing = self._masks(), self.volume.spacing
            pixel = (spacing[0] / min(spacing), spacing[1] / min(spacing))
            around = _grown(window, masks[0] | masks[1])
            cut = tuple(slice(w.start - a.start, w.stop - a.start) for w, a in zip(window, around, strict=True))
            distances = []
            for mask in masks:
                self.check()  # planes of thousands of pixels a side take half a second each
                distances.append(signed_distance(mask[around], pixel)[cut].clip(-_FARTHEST, _FARTHEST))
            self._kept = (window, distances[0], distances[1])
        return self._kept[1:]


def _grown(window: tuple[slice, slice], held: np.ndarray) -> tuple[slice, slice]:
    """The window grown to hold all that is held and what lies next to it, so that no distance is cut short."""
    grown = []
    for axis, side in enumerate(window):
        places = np.flatnonzero(held.any(1 - axis))
        start = max(0, min(side.start, int(places[0]) - 1))
        grown.append(slice(start, min(held.shape[axis], max(side.stop, int(places[-1]) + 2))))
    return grown[0], grown[1]


def drawn_between(
    batches: Iterator[list[FilledSlice]],
    volume: SlicedVolume,
    label: int,
    gap: Gap,
    check: Callable[[], None] = lambda: None,
) -> Iterator[list[FilledSlice]]:
    """The same slices, with what outlines say added to their logits where the gap is painted on both sides.

    Args:
        batches: slices of the gap, averaged (see ``AcrossSlices``).
        volume: image and painting.
        label: the label.
        gap: what is filled.
        check: called now and then; may raise to stop.
    """
    ends = [z for z in (gap.before, gap.after) if z is not None and (volume.painted[z] == label).any()]
    if len(ends) < 2:
        yield from batches
        return
    outlines = Outlines(volume, label, gap, check)
    for batch in batches:
        if outlines.overlap:
            batch = [replace(f, logits=f.logits + outlines.logits(f.index, f.window)) for f in batch]
        yield batch
