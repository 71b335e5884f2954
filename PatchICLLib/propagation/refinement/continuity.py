"""A structure that is painted on both sides of a gap goes through it.

Where a structure of a few voxels may lie here or there, no voxel is more likely inside than not, and the slice would
come out empty, although everybody knows that something is there. Then its likeliest voxels are labelled, as many as
are expected.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.special import expit

from PatchICLLib.propagation.gap_filling import FilledSlice
from PatchICLLib.propagation.geometry.gaps import Gap
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.propagation.refinement.across_slices import TEMPERATURE

LEAST = 0.15  # less likely voxels stay empty: the structure may pause, or leave the field of view


def continued(
    batches: Iterator[list[FilledSlice]], volume: SlicedVolume, label: int, gap: Gap
) -> Iterator[list[FilledSlice]]:
    """The same slices; those of a gap painted on both sides that came out empty hold their likeliest voxels.

    Args:
        batches: slices of the gap, averaged (see ``AcrossSlices``).
        volume: image and painting.
        label: the label.
        gap: what is filled.
    """
    sizes = [int((volume.painted[z] == label).sum()) for z in (gap.before, gap.after) if z is not None]
    goes_through = gap.inner and min(sizes) > 0
    for batch in batches:
        yield [_not_empty(filled, max(sizes)) if goes_through else filled for filled in batch]


def _not_empty(filled: FilledSlice, most: int) -> FilledSlice:
    """Logits raised by so much that as many voxels as expected, one at least and ``most`` at most, are above 0."""
    if (filled.logits > 0).any():
        return filled
    probability = expit(filled.logits / TEMPERATURE)
    if probability.max() < LEAST:
        return filled
    count = max(1, round(min(float(probability.sum()), most)))
    chosen = probability >= max(LEAST, np.partition(probability, -count, None)[-count])
    lowest = filled.logits[chosen].min()
    # the least likely of those chosen ends just above 0
    return replace(filled, logits=filled.logits - lowest + np.finfo(np.float32).eps)
