"""A volume that a device fills, and that leaves it as it is stored."""

import numpy as np
import torch
from torch import Tensor

from PatchICLLib.array_tensor import shared_zeros
from PatchICLLib.propagation.geometry.orientation import Orientation
from PatchICLLib.runtime.transfers import to_host


class DeviceVolume:
    """Zeros at first; on the CPU, pages of it that are never written take no memory.

    Attributes:
        planes: (slices, rows, columns) on the device; mirrored axes run as they are stored.

    Args:
        orientation: from the stored order of axes to that of ``planes``.
        dtype: uint8 or float32.
        device: where it is.
    """

    def __init__(self, orientation: Orientation, dtype: type[np.generic], device: torch.device) -> None:
        self._array, self._stored = shared_zeros(orientation.shape, dtype)
        if device.type != "cpu":
            self._stored = torch.zeros(orientation.shape, dtype=self._stored.dtype, device=device)
        self.planes: Tensor = self._stored.permute(orientation.axes)

    def array(self, box: tuple[slice, slice, slice]) -> np.ndarray:
        """The volume in its stored order, on the CPU; only what lies in a stored box was ever written."""
        if self._stored.device.type != "cpu":
            self._array[box] = to_host(self._stored[box])
        return self._array
