"""Encoded contexts, made once and shared by all gaps that learn from the same painted slices."""

from __future__ import annotations

import torch

from PatchICLLib.propagation.painted_context import PaintedContext
from PatchICLLib.propagation.sliced_volume import SlicedVolume

_STEP, _MOST = 1.35, 2.5  # growth of a region that turns out too small, and how far it may go
_KEPT = 8  # contexts in memory at a time

Key = tuple[int, tuple[int, ...]]


class Contexts:
    """Contexts of one volume, by label and painted slices."""

    def __init__(self, model: torch.nn.Module, device: torch.device, volume: SlicedVolume) -> None:
        self.model, self.device, self.volume = model, device, volume
        self._growth: dict[Key, float] = {}
        self._encoded: dict[Key, PaintedContext] = {}

    def get(self, label: int, slices: tuple[int, ...]) -> PaintedContext:
        """The context of a label's painted slices, encoded on first use."""
        key = (label, slices)
        if key not in self._encoded:
            while len(self._encoded) >= _KEPT:
                del self._encoded[next(iter(self._encoded))]
            with torch.inference_mode():
                growth = self._growth.get(key, 1.0)
                self._encoded[key] = PaintedContext.encode(self.model, self.device, self.volume, label, slices, growth)
        return self._encoded[key]

    def growth(self, label: int, slices: tuple[int, ...]) -> float:
        """How much the region has grown beyond its usual size."""
        return self._growth.get((label, slices), 1.0)

    def set_growth(self, label: int, slices: tuple[int, ...], growth: float) -> None:
        """Use a region of this size from now on."""
        if growth != self.growth(label, slices):
            self._growth[(label, slices)] = growth
            self._encoded.pop((label, slices), None)

    def grow(self, label: int, slices: tuple[int, ...]) -> bool:
        """Make the region larger; False if it has grown enough."""
        growth = self.growth(label, slices) * _STEP
        if growth > _MOST:
            return False
        self.set_growth(label, slices, growth)
        return True
