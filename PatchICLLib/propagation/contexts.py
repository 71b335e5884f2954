"""Encoded contexts, made once and shared by all gaps that learn from the same painted slices."""

from __future__ import annotations

from collections import OrderedDict

import torch

from PatchICLLib.propagation.geometry.region import GROWTH
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.propagation.geometry.volume_sampler import VolumeSampler
from PatchICLLib.propagation.painted_context import PaintedContext
from PatchICLLib.runtime.device import inference_precision

_KEPT = 24  # contexts in memory at a time, about 10 MB each


class Contexts:
    """Contexts of one volume, by label, painted slices and size of the region; the least recently used forgotten.

    Args:
        model: called like the cascades.
        device: of the model.
        volume: image and painting.
        field_of_view: usual side of the region over the longer side of the painted extent; None for the default.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        device: torch.device,
        volume: SlicedVolume,
        field_of_view: float | None = None,
    ) -> None:
        self.model, self.device, self.volume = model, device, volume
        self.sampler = VolumeSampler(volume.image, device)
        self._usual = 1.0 if field_of_view is None else field_of_view / GROWTH
        self._encoded: OrderedDict[tuple[int, tuple[int, ...], float], PaintedContext] = OrderedDict()

    def get(self, label: int, slices: tuple[int, ...], growth: float = 1.0) -> PaintedContext:
        """The context of a label's painted slices, encoded on first use.

        Args:
            label: the label.
            slices: painted slices, ascending.
            growth: of the region beyond its usual size.
        """
        key = (label, slices, growth)
        if key not in self._encoded:
            while len(self._encoded) >= _KEPT:
                self._encoded.popitem(last=False)
            with torch.inference_mode(), inference_precision(self.device):
                self._encoded[key] = PaintedContext.encode(
                    self.model, self.device, self.volume, label, slices, self._usual * growth
                )
        self._encoded.move_to_end(key)
        return self._encoded[key]
