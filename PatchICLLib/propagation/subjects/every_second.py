"""What painted slices say of every second slice alone: enough where others say most, in half the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch

from PatchICLLib.propagation.result.filled_slices import FilledSlices, joined_alike
from PatchICLLib.propagation.subjects.window import around, padded

_LEAST = -20.0  # logits beyond a window


@dataclass(eq=False)
class EverySecond:
    """Slices of a label that are not predicted: means of the logits of those beside them.

    Attributes:
        between: the slices.
    """

    between: frozenset[int]
    _known: dict[int, FilledSlices] = field(default_factory=dict)
    _given: set[int] = field(default_factory=set)

    @property
    def left(self) -> int:
        """How many of the slices were not given."""
        return len(self.between - self._given)

    def add(self, filled: FilledSlices) -> list[FilledSlices]:
        """Take predicted slices; gives those between two that are known by now."""
        self._known |= {z: filled[n : n + 1] for n, z in enumerate(filled.indices)}
        beside = {z + way for z in filled.indices for way in (-1, 1)}
        return self._means([z for z in sorted(beside) if z - 1 in self._known and z + 1 in self._known])

    def rest(self) -> list[FilledSlices]:
        """Slices beside the outermost that were predicted, as these are."""
        return self._means(sorted({z + way for z in self._known for way in (-1, 1)}))

    def _means(self, indices: Sequence[int]) -> list[FilledSlices]:
        missing = [z for z in indices if z in self.between - self._given]
        self._given.update(missing)
        found = [self._mean(z, [self._known[n] for n in (z - 1, z + 1) if n in self._known]) for z in missing]
        wanted = self.between - self._given
        self._known = {z: one for z, one in self._known.items() if {z - 1, z + 1} & wanted}
        return joined_alike(found)

    def _mean(self, index: int, known: Sequence[FilledSlices]) -> FilledSlices:
        window = around(known[0].window, known[-1].window)
        seen = [padded(one.logits.float() - _LEAST, one.window, window) + _LEAST for one in known]
        logits = torch.stack(seen).mean(0)
        return replace(known[0], indices=(index,), window=window, logits=logits, selections=None, levels={})
