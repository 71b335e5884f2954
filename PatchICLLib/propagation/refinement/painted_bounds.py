"""The painted slices next to a gap, as one label is painted on them."""

from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.propagation.geometry.gaps import Gap
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.runtime.transfers import to_device

Window = tuple[slice, slice]


class PaintedBounds:
    """One or two painted slices; looked at when they are needed, and then once.

    Attributes:
        indices: of the slices, ascending.

    Args:
        volume: image and painting.
        label: the label.
        gap: what is filled.
    """

    def __init__(self, volume: SlicedVolume, label: int, gap: Gap) -> None:
        self.indices = tuple(z for z in (gap.before, gap.after) if z is not None)
        self._volume, self._label = volume, label
        self._through: tuple[Window, Tensor] | None = None

    @cached_property
    def masks(self) -> np.ndarray:
        """(bounds, H, W) bool."""
        return np.asarray(self._volume.painted[list(self.indices)] == self._label)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Voxels of the label on each."""
        return tuple(int(np.count_nonzero(mask)) for mask in self.masks)

    def through(self, window: Window, device: torch.device) -> Tensor:
        """(bounds, h, w) on a device, 1 where the label is; kept for the last window."""
        if self._through is None or self._through[0] != window:
            self._through = window, to_device(array_tensor(self.masks[:, *window]), device)
        return self._through[1]
