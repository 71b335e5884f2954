"""Logits before and after each level of the cascade, of the few slices that were asked for.

They are those of the network itself; the result is averaged with the slices beside (see ``AcrossSlices``), outlines
join in (see ``outlines``), and it is not left empty between painted slices (see ``continuity``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # this file is read by clients of a worker, which do not import torch
    from torch import Tensor

    from PatchICLLib.cascade.trace import LevelTrace
    from PatchICLLib.propagation.geometry.orientation import Orientation
    from PatchICLLib.propagation.geometry.region import Region

MOST_SLICES = 16  # asked for at once: some megabytes each


@dataclass(frozen=True)
class LevelLogits:
    """One level.

    Attributes:
        resolution: pixels a side, S.
        before, after: (S, S) float32, of the fusion at this level (eq. 4).
        shares: of each context patch in the mask that was read out, in the order of `LevelSelection.context_patches`;
            they add up to 1. None for a model that reads no mask.
    """

    resolution: int
    before: np.ndarray
    after: np.ndarray
    shares: np.ndarray | None = None


@dataclass(frozen=True)
class SliceLogits:
    """All levels of the cascade, coarse to fine, for one slice and label.

    The arrays cover the square field of view of the network, which may reach beyond the slice. Their rows and columns
    run as those of the slice do.

    Attributes:
        slice_index: along the slicing axis.
        label: the label.
        corner: row and column of the field's first corner, in voxels of the slice (voxel centres are whole numbers).
        size: rows and columns that the field covers, in voxels.
        levels: those that ran.
    """

    slice_index: int
    label: int
    corner: tuple[float, float]
    size: tuple[float, float]
    levels: tuple[LevelLogits, ...]


def logits_of_slice(
    levels: Sequence[LevelTrace],
    number: int,
    index: int,
    label: int,
    region: Region,
    orientation: Orientation,
    shares: Sequence[np.ndarray | None],
) -> SliceLogits:
    """Copy what the trace of a batch holds about one slice.

    Args:
        levels: of the model's output.
        number: of the slice in the batch.
        index: of the slice as the engine sees the volume.
        label: the label.
        region: the network's field of view, unturned.
        orientation: in which the engine sees the volume.
        shares: of the context patches, for each level.
    """
    extent = region.side / region.spacing[0], region.side / region.spacing[1]
    corner = region.centre[0] - extent[0] / 2, region.centre[1] - extent[1] / 2

    def stored(logits: Tensor) -> np.ndarray:
        return orientation.plane(logits[number, 0].float().cpu().numpy()).copy()

    found = tuple(
        LevelLogits(level.resolution, stored(level.before), stored(level.after), drawn)
        for level, drawn in zip(levels, shares, strict=True)
    )
    return SliceLogits(orientation.slice_index(index), label, *orientation.box(corner, extent), found)
