"""What subjects say of a run of slices: most of them predicted, some interpolated, and on only where it goes on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.propagation.geometry.region import Window
from PatchICLLib.propagation.refinement.across_slices import SHARE, TEMPERATURE
from PatchICLLib.propagation.result.filled_slices import places
from PatchICLLib.runtime.transfers import to_device, to_host

_PAINTED = 3 * TEMPERATURE  # logits of painted slices, as neighbours of others

Predict = Callable[[Sequence[int]], tuple[Tensor, Window]]


@dataclass(frozen=True, eq=False)
class SaidSlices:
    """Attributes: indices: n slices in a row; window: rows and columns; logits: (n, h, w) on the device."""

    indices: tuple[int, ...]
    window: Window
    logits: Tensor

    @classmethod
    def of(
        cls, predict: Predict, core: range, wide: range, most: int, painted: Sequence[int], masks: np.ndarray
    ) -> SaidSlices:
        """Ask for what is needed.

        Args:
            predict: logits of some slices, ascending, at least one, and their window, which is always the same.
            core: slices that the structure probably holds, and any that are known to hold it.
            wide: slices that it may reach; those beyond the core are asked for only where it reaches the core's end.
            most: slices of the core to predict, about; those between are interpolated.
            painted: slices that are known, and not asked for.
            masks: (k, H, W) bool, what they hold.
        """
        every = max(1, math.ceil(len(core) / most))
        inner = _wanted(core, every, painted) or [core.start]
        logits, window = predict(inner)
        reached = {z: bool(mask.any()) for z, mask in zip(painted, masks, strict=True)}
        flags = to_host((torch.stack([logits[0], logits[-1]]) > 0).flatten(1).any(1))
        reached.update({inner[0]: bool(flags[0]), inner[-1]: bool(flags[1])})
        sides = [(core.start, range(wide.start, core.start)), (core.stop - 1, range(core.stop, wide.stop))]
        outer = [z for end, side in sides if reached.get(end) for z in _wanted(side, every, painted)]
        known = [*inner]
        parts = [logits]
        if outer:
            parts.append(predict(outer)[0])
            known += outer
        beside = [n for n, z in enumerate(painted) if core.start <= z < core.stop and z not in known]
        if beside:
            drawn = to_device(array_tensor(masks[beside][:, *window]), logits.device)
            parts.append((2 * drawn - 1) * _PAINTED)
            known += [painted[n] for n in beside]
        return cls(*_interpolated(known, torch.cat(parts), window))

    def probabilities(self, step: float, spacing: tuple[float, float]) -> Tensor:
        """Averaged with those of the slices beside, as far as slices a step apart are alike: (n, h, w)."""
        own = torch.sigmoid(self.logits / TEMPERATURE)
        apart = max(1.0, step / min(spacing))
        share = SHARE / (1 + (apart - 1) ** 2)
        before, after = torch.cat([own[:1], own[:-1]]), torch.cat([own[1:], own[-1:]])
        return (1 - 2 * share) * own + share * (before + after)


@dataclass(frozen=True, eq=False)
class SaidProbability:
    """Attributes: indices: n slices in a row; window: rows and columns; probability: (n, h, w) on the device."""

    indices: tuple[int, ...]
    window: Window
    probability: Tensor

    @classmethod
    def averaged(cls, said: Sequence[SaidSlices], step: float, spacing: tuple[float, float]) -> SaidProbability:
        """Of all that is said; nothing lies where one of them says nothing.

        Args:
            said: at least one.
            step: distance of slices in mm.
            spacing: of rows and columns.
        """
        return cls.mean([cls(one.indices, one.window, one.probabilities(step, spacing)) for one in said])

    @classmethod
    def mean(cls, said: Sequence[SaidProbability]) -> SaidProbability:
        """Of all; nothing lies where one of them says nothing."""
        spans = [(slice(one.indices[0], one.indices[-1] + 1), *one.window) for one in said]
        whole = [slice(min(s.start for s in some), max(s.stop for s in some)) for some in zip(*spans, strict=True)]
        padded = []
        for one, span in zip(said, spans, strict=True):
            # the last axis first
            sides = [(a.start - b.start, b.stop - a.stop) for a, b in zip(span[::-1], whole[::-1], strict=True)]
            padded.append(F.pad(one.probability, [n for pair in sides for n in pair]))
        return cls(tuple(range(whole[0].start, whole[0].stop)), (whole[1], whole[2]), torch.stack(padded).mean(0))


def _wanted(slices: range, every: int, painted: Sequence[int]) -> list[int]:
    """Some of a run of slices, its ends among them, without those that are painted."""
    some = {*slices[::every], *slices[-1:]}
    return sorted(some.difference(painted))


def _interpolated(known: list[int], logits: Tensor, window: Window) -> tuple[tuple[int, ...], Window, Tensor]:
    """All slices between the first and the last that are known."""
    order = np.argsort(known)
    at = np.array(known)[order]
    indices = np.arange(at[0], at[-1] + 1)
    upper = np.searchsorted(at, indices)
    lower = np.maximum(upper - (at[upper] > indices), 0)
    share = (indices - at[lower]) / np.maximum(at[upper] - at[lower], 1)
    one, other = (logits.index_select(0, places(order[n].tolist(), logits.device)) for n in (lower, upper))
    between = torch.lerp(one, other, to_device(array_tensor(share), logits.device)[:, None, None])
    return tuple(indices.tolist()), window, between
