"""What other subjects say of one structure of this one, and its share in what painted slices say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.propagation.geometry.axis import AXIS_NAMES
from PatchICLLib.propagation.geometry.region import Window
from PatchICLLib.propagation.refinement.across_slices import TEMPERATURE
from PatchICLLib.propagation.result.filled_slices import FilledSlices, places
from PatchICLLib.propagation.subjects.correlation import SCALES
from PatchICLLib.propagation.subjects.finished_structure import FinishedStructure
from PatchICLLib.propagation.subjects.guard import Worth
from PatchICLLib.propagation.subjects.said_slices import SaidProbability
from PatchICLLib.propagation.subjects.window import around, padded
from PatchICLLib.runtime.transfers import to_device, to_host

Doubt = Literal["unsteady", "size", "look"]
_UNSTEADY = 0.75  # Dice with what is found when it is looked at again, below which it is not to be trusted
_UNLIKE = 0.5  # correlation below which a place found by look alone is not, likewise
_INSIDE = 0.5
_SPECK = 0.1  # of the largest part, below which one is not looked at
_SURE = 1e-7  # probabilities keep this far from 0 and 1, where logits end


@dataclass(frozen=True, eq=False)
class Opinion:
    """Probabilities on the slices that the structure may reach.

    Attributes:
        label: of the structure here.
        shares: (n,) of these probabilities in the result, 0 to 1, slice by slice.
        indices: n neighbouring slices, ascending.
        window: rows and columns; nothing is said of others, and nothing lies there.
        probability: (n, h, w) on the engine's device.
        shown: the structures of other subjects that were looked at, each with its slices.
        worth: of the subjects; None if nothing is painted.
        correlation: of the scans, at best.
        steady: Dice of what was found first and when it was looked at again; None if something is painted.
        scale: of the other subjects' structures where they were found by look; None if something is painted.
    """

    label: int
    shares: np.ndarray
    indices: tuple[int, ...]
    window: Window
    probability: Tensor
    shown: tuple[tuple[FinishedStructure, tuple[int, ...]], ...]
    worth: Worth | None
    correlation: float
    steady: float | None = None
    scale: float | None = None

    @property
    def doubt(self) -> Doubt | None:
        """Why what was found with nothing painted may be something else; None where there is no reason, or painting.

        Looked at again it is another thing; it is as much larger or smaller than in other subjects as is looked for;
        the scans hardly look alike.
        """
        if self.worth is not None:
            return None
        if self.steady is not None and self.steady < _UNSTEADY:
            return "unsteady"
        if self.scale is not None and not min(SCALES) < self.scale < max(SCALES):
            return "size"
        return "look" if self.correlation < _UNLIKE else None

    @property
    def weight(self) -> float:
        """The largest share."""
        return float(self.shares.max())

    @property
    def said(self) -> SaidProbability:
        """Its probabilities, whatever their share."""
        return SaidProbability(self.indices, self.window, self.probability)

    def largest_parts(self, shape: tuple[int, ...]) -> np.ndarray | None:
        """What is found, as (Z, H, W) bool: as many of its largest parts as the subjects have; None if nothing is."""
        parts, count = ndimage.label(to_host(self.probability > _INSIDE))
        if not count:
            return None
        most = round(float(np.median([structure.parts for structure, _ in self.shown]))) if self.shown else 1
        sizes = np.bincount(parts.ravel())[1:]
        largest = np.argsort(-sizes, kind="stable")[:most]
        found = np.zeros(shape, bool)
        kept = np.isin(parts, 1 + largest[sizes[largest] >= _SPECK * sizes.max()])
        found[self.indices[0] : self.indices[-1] + 1, *self.window] = kept
        return found

    def dice(self, index: int, mask: np.ndarray) -> float:
        """Of a whole slice, by its index in the volume, and its (H, W) mask, which holds the structure."""
        if not self.indices[0] <= index <= self.indices[-1]:
            return 0.0
        found = to_host(self.probability[index - self.indices[0]] > _INSIDE)
        return 2 * float((found & mask[self.window]).sum()) / float(found.sum() + mask.sum())

    def joined(self, filled: FilledSlices) -> FilledSlices:
        """Slices of the label as painted slices have them, with the subjects' share: averages of probabilities."""
        if not self.weight:
            return filled
        window = around(filled.window, self.window)
        own = padded(torch.sigmoid(filled.logits.float() / TEMPERATURE), filled.window, window)
        return replace(filled, window=window, logits=self._mixed(own, filled.indices, window))

    def alone(self, indices: Sequence[int]) -> FilledSlices | None:
        """Those of some slices of which something is said here, as if painted slices had nothing there."""
        known = tuple(z for z in indices if self.indices[0] <= z <= self.indices[-1])
        if not known or not self.weight:
            return None
        rows, columns = self.window
        empty = self.probability.new_zeros(len(known), rows.stop - rows.start, columns.stop - columns.start)
        return FilledSlices(self.label, known, self.window, self._mixed(empty, known, self.window))

    def to_json(self) -> dict[str, Any]:
        """Which cases and slices were looked at, and how far they were listened to."""
        cases = []
        for structure, slices in self.shown:
            axis, stored = structure.stored_slices(slices)
            cases.append({"case": structure.case, "axis": AXIS_NAMES[axis], "slices": stored})
        return {
            "weight": round(self.weight, 4),
            "left_out_dice": None if self.worth is None else round(self.worth.left_out, 4),
            "each_alone_dice": None if self.worth is None else round(self.worth.apart, 4),
            "size_ratio": None if self.worth is None else round(self.worth.size, 4),
            "painted_size_ratio": None if self.worth is None else round(self.worth.painted_size, 4),
            "unpainted_dice": None
            if self.worth is None or self.worth.unpainted is None
            else round(self.worth.unpainted, 4),
            "placed_by_scan": self.worth is None or self.worth.by_scan,
            "correlation": round(self.correlation, 4),
            "doubt": self.doubt,
            "scale": None if self.scale is None else round(self.scale, 4),
            "steady_dice": None if self.steady is None else round(self.steady, 4),
            "cases": sorted(cases, key=lambda one: one["case"]),
        }

    def _mixed(self, own: Tensor, indices: Sequence[int], window: Window) -> Tensor:
        numbers = [self._number(z) for z in indices]
        known = F.pad(self.probability, (0, 0, 0, 0, 0, 1))  # beyond slices that are known: 0
        mine = padded(known.index_select(0, places(numbers, known.device)), self.window, window)
        # beyond, as on the last of them
        shares = np.array([self.shares[min(max(z - self.indices[0], 0), len(self.shares) - 1)] for z in indices])
        mean = torch.lerp(own, mine, to_device(array_tensor(shares), own.device)[:, None, None])
        return TEMPERATURE * torch.logit(mean.clamp(_SURE, 1 - _SURE))

    def _number(self, index: int) -> int:
        """Where a slice is among those that are known; one more than there are for others."""
        number = index - self.indices[0]
        return number if 0 <= number < len(self.indices) else len(self.indices)
