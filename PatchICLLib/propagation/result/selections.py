"""The cascade's trace in voxels of the volume, for people who want to see what was looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from PatchICLLib.cascade.patches import PatchGrid
from PatchICLLib.cascade.trace import LevelTrace
from PatchICLLib.propagation.geometry.orientation import Orientation
from PatchICLLib.propagation.geometry.region import Region
from PatchICLLib.propagation.result.packed_selections import PackedSelections
from PatchICLLib.runtime.transfers import to_host


@dataclass(frozen=True)
class SeenContext:
    """Painted slices that targets learned from.

    Attributes:
        label: the label.
        slices: the painted slices, in the order of the images.
        region: through which they and the targets were seen, unturned.
    """

    label: int
    slices: tuple[int, ...]
    region: Region


@dataclass(frozen=True)
class _Level:
    """What is told of a level of N samples that learned from B contexts of at most k images, on the host.

    Attributes:
        resolution, grid: of the level.
        indices, weights, valid: (N, K) of the target patches.
        coverage, entropy: (N,).
        context: (B, k, Kc) indices of the context patches.
    """

    resolution: int
    grid: PatchGrid
    indices: np.ndarray
    weights: np.ndarray
    valid: np.ndarray
    coverage: np.ndarray
    entropy: np.ndarray
    context: np.ndarray

    @classmethod
    def fetched(cls, levels: Sequence[LevelTrace]) -> Iterator[_Level]:
        """All levels; the device is asked once."""
        wanted = [
            (
                *(level.selection.indices, level.selection.weights, level.selection.valid),
                *(level.coverage.float().mean((1, 2, 3)), level.weights.float().mean(1), level.context),
            )
            for level in levels
        ]
        # single precision holds all indices exactly
        told = to_host(torch.cat([tensor.detach().float().flatten() for tensors in wanted for tensor in tensors]))
        ends = np.cumsum([tensor.numel() for tensors in wanted for tensor in tensors])
        parts = iter(np.split(told.astype(np.float64), ends[:-1]))
        for level, tensors in zip(levels, wanted, strict=True):
            yield cls(level.resolution, level.grid, *(next(parts).reshape(tensor.shape) for tensor in tensors))


class _Boxes:
    """Patches of an unturned region as rows of a table, in voxels of the stored slices."""

    def __init__(self, region: Region, grid: PatchGrid, orientation: Orientation) -> None:
        self.orientation, self.grid = orientation, grid
        self.scale = [region.side / s / grid.size for s in region.spacing]
        self.first = [c - region.side / s / 2 for c, s in zip(region.centre, region.spacing, strict=True)]

    def rows(self, slices: Any, indices: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Patches of slices, by their numbers in the grid; arguments broadcast to (...): (..., 6)."""
        rows, columns = (place * self.grid.stride for place in np.divmod(indices, self.grid.side))
        place: Any = self.first[0] + rows * self.scale[0], self.first[1] + columns * self.scale[1]
        size = self.grid.patch * self.scale[0], self.grid.patch * self.scale[1]
        corner, size = self.orientation.box(place, size)
        stored = self.orientation.slice_index(slices)
        return np.stack(np.broadcast_arrays(stored, *corner, *size, scores), -1).astype(np.float64)

    def of_context(self, slices: Sequence[int], indices: np.ndarray) -> np.ndarray:
        """Patches of painted slices (at least k, Kc), ranked: the score falls from 1, closest to the boundary."""
        count = indices.shape[1]
        scores = 1 - np.arange(count) / max(1, count)
        return self.rows(np.array(slices)[:, None], indices[: len(slices)], scores).reshape(-1, 6)


def describe(
    levels: Sequence[LevelTrace],
    contexts: Sequence[SeenContext],
    sets: Sequence[int],
    slices: Sequence[int],
    orientation: Orientation,
) -> PackedSelections:
    """Selections of each target slice of a batch.

    Args:
        levels: trace of the model for N targets and the contexts.
        contexts: what the targets learned from.
        sets: of each target, which of the contexts.
        slices: index of each target.
        orientation: in which the engine sees the volume; the boxes are given in stored voxels.
    """
    of_set, index = np.array(sets), np.array(slices)
    table: list[np.ndarray] = []
    found: list[list[Any]] = [[] for _ in slices]
    length = 0

    def appended(rows: np.ndarray) -> int:
        nonlocal length
        table.append(rows)
        length += len(rows)
        return length - len(rows)

    for level in _Level.fetched(levels):
        for number, context in enumerate(contexts):
            samples = np.flatnonzero(of_set == number)
            boxes = _Boxes(context.region, level.grid, orientation)
            looked = boxes.of_context(context.slices, level.context[number])
            shared = [appended(looked), len(looked)]
            used = level.valid[samples] > 0
            patches = boxes.rows(index[samples, None], level.indices[samples], level.weights[samples])[used]
            first = appended(patches)
            for sample, count in zip(samples.tolist(), used.sum(1).tolist(), strict=True):
                if count:
                    known = float(level.coverage[sample]), float(level.entropy[sample])
                    found[sample].append([level.resolution, [first, count], shared, *known])
                first += count
    stored = [orientation.slice_index(z) for z in slices]
    labels = [contexts[number].label for number in sets]
    whole = [list(one) for one in zip(stored, labels, found, strict=True)]
    return PackedSelections(whole, np.concatenate(table) if table else np.empty((0, 6)))
