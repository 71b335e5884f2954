"""A structure that is painted on both sides of a gap goes through it.

Where a structure of a few voxels may lie here or there, no voxel is more likely inside than not, and the slice would
come out empty, although everybody knows that something is there. Then its likeliest voxels are labelled, as many as
are expected.
"""

from dataclasses import replace

import torch
from torch import Tensor

from PatchICLLib.propagation.geometry.gaps import Gap
from PatchICLLib.propagation.refinement.across_slices import softened
from PatchICLLib.propagation.refinement.painted_bounds import PaintedBounds
from PatchICLLib.propagation.result.filled_slices import FilledSlices, places
from PatchICLLib.runtime.transfers import to_host

LEAST = 0.15  # less likely voxels stay empty: the structure may pause, or leave the field of view


class Continuity:
    """Labels the likeliest voxels of slices that came out empty, in a gap that is painted on both sides.

    Args:
        gap: what is filled.
        bounds: the painted slices next to it.
    """

    def __init__(self, gap: Gap, bounds: PaintedBounds) -> None:
        self._inner, self._bounds = gap.inner, bounds

    def of(self, filled: FilledSlices) -> FilledSlices:
        """The same slices, averaged before (see ``AcrossSlices``), none of them empty without need."""
        if not self._inner or min(self._bounds.sizes) == 0:
            return filled
        empty = [n for n, found in enumerate(to_host((filled.logits > 0).flatten(1).any(1))) if not found]
        if not empty:
            return filled
        numbers = places(empty, filled.logits.device)
        raised = _not_empty(filled.logits.index_select(0, numbers), max(self._bounds.sizes))
        return replace(filled, logits=filled.logits.index_copy(0, numbers, raised))


def _not_empty(logits: Tensor, most: int) -> Tensor:
    """Logits (n, h, w) raised by so much that as many voxels of each slice as expected are above 0.

    At least one and ``most`` at most; slices in which no voxel is likely enough stay as they are.
    """
    flat = logits.flatten(1)
    probability = softened(flat)
    count = probability.sum(1, keepdim=True).clamp(max=most).round().clamp(min=1).long()
    ranked = probability.sort(1, descending=True).values
    lowest = flat.where(probability >= ranked.gather(1, count - 1).clamp(min=LEAST), torch.inf).amin(1, keepdim=True)
    # the least likely of those chosen ends just above 0
    raised = flat - lowest + torch.finfo(flat.dtype).eps
    return torch.where(ranked[:, :1] < LEAST, flat, raised).view_as(logits)
