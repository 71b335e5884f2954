"""Slices of one gap of one label that were filled together, on the device that filled them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.propagation.geometry.known_voxels import KnownVoxels
from PatchICLLib.propagation.result.packed_selections import PackedSelections
from PatchICLLib.propagation.result.slice_logits import SliceLogits
from PatchICLLib.runtime.transfers import to_device


@dataclass(frozen=True, eq=False)
class FilledSlices:
    """Predicted slices of one label, all through the same window.

    Attributes:
        label: the label.
        indices: of the n slices, in any order.
        window: rows and columns that were predicted; the label is nowhere else.
        logits: (n, h, w) on the engine's device.
        selections: patches looked at, of each slice; None if not asked for.
        levels: logits before and after each level, of slices of which they were asked for, by index.
    """

    label: int
    indices: tuple[int, ...]
    window: tuple[slice, slice]
    logits: Tensor
    selections: PackedSelections | None = None
    levels: Mapping[int, SliceLogits] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, part: slice) -> FilledSlices:
        """Slices in a row; their logits are a view."""
        return self._with(
            self.indices[part], self.logits[part], None if self.selections is None else self.selections[part]
        )

    def chosen(self, numbers: Sequence[int]) -> FilledSlices:
        """Some of the slices, by their places among the n, in the order asked for."""
        chosen = None if self.selections is None else self.selections.chosen(numbers)
        picked = self.logits.index_select(0, places(numbers, self.logits.device))
        return self._with(tuple(self.indices[n] for n in numbers), picked, chosen)

    def within(self, limits: tuple[slice, slice]) -> FilledSlices:
        """The parts of the slices within rows and columns; may be empty; their logits are a view."""
        window, inside = [], []
        for span, limit in zip(self.window, limits, strict=True):
            start = min(max(span.start, limit.start), span.stop)
            stop = max(min(span.stop, limit.stop), start)
            window.append(slice(start, stop))
            inside.append(slice(start - span.start, stop - span.start))
        return replace(self, window=(window[0], window[1]), logits=self.logits[:, *inside])

    @classmethod
    def joined(cls, parts: Sequence[FilledSlices]) -> FilledSlices:
        """All slices of parts, at least one, of the same label and window."""
        first = parts[0]
        if len(parts) == 1:
            return first
        assert all((p.label, p.window) == (first.label, first.window) for p in parts)
        selections = [p.selections for p in parts if p.selections is not None]
        return cls(
            first.label,
            tuple(z for p in parts for z in p.indices),
            first.window,
            torch.cat([p.logits for p in parts]),
            PackedSelections.joined(selections) if selections else None,
            {z: levels for p in parts for z, levels in p.levels.items()},
        )

    def _with(self, indices: tuple[int, ...], logits: Tensor, selections: PackedSelections | None) -> FilledSlices:
        levels = {z: self.levels[z] for z in indices if z in self.levels}
        return replace(self, indices=indices, logits=logits, selections=selections, levels=levels)


def joined_alike(slices: Sequence[FilledSlices]) -> list[FilledSlices]:
    """Those of the same label and window together, whatever gap they are of."""
    alike: dict[tuple[int, int, int, int, int], list[FilledSlices]] = {}
    for one in slices:
        rows, columns = one.window
        alike.setdefault((one.label, rows.start, rows.stop, columns.start, columns.stop), []).append(one)
    return [FilledSlices.joined(some) for some in alike.values()]


def held(filled: FilledSlices, known: KnownVoxels) -> FilledSlices:
    """The same slices, as sure as can be where it is known what lies there."""
    return replace(filled, logits=known.held(filled.label, filled.indices, filled.window, filled.logits))


def places(numbers: Sequence[int], device: torch.device) -> Tensor:
    """(n,) indices on a device, which need not have finished what it does."""
    return to_device(array_tensor(np.array(numbers), np.int64), device)
