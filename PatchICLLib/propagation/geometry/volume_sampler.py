"""Slices of a volume seen through regions, on the device where they are needed.

What regions may touch is copied to a graphics card once, as far as it has room for it; on the CPU nothing is copied but
the part that is looked at.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.propagation.geometry.intensity_scale import IntensityScale, differences, is_single
from PatchICLLib.propagation.geometry.region import Region, Window
from PatchICLLib.runtime.device import card_memory
from PatchICLLib.runtime.stopwatch import part
from PatchICLLib.runtime.transfers import to_device

_VOXELS = {"cpu": 2**21}  # sampled at a time: on the CPU they stay near it,
_MOST_VOXELS = 2**25  # on a card they fill it
_SHARE = 8  # at most one eighth of a card's memory holds the volume
_FAR = 64  # units between the zero of the copy and an offset, at most: what is small keeps 18 binary digits


class VolumeSampler:
    """Sees slices through regions.

    Args:
        image: (Z, H, W) real numbers; it is not changed, and on the CPU not copied.
        device: where samples are wanted.
        box: rows and columns beyond which no region looks; None for all.
        copied: whether the box is copied to the device, if there is room; None: to any but the CPU.
    """

    def __init__(
        self, image: np.ndarray, device: torch.device, box: Window | None = None, copied: bool | None = None
    ) -> None:
        self.image, self.device = image, device
        self._copies = device.type != "cpu" if copied is None else copied
        self._box = box or (slice(0, image.shape[1]), slice(0, image.shape[2]))
        self._copy: Tensor | None = None  # (Z, h, w) float32, of the box, less the origin
        self._origin: int | float | None = None  # None until there is a copy

    def sample(self, region: Region, indices: Sequence[int], size: int, scale: IntensityScale) -> Tensor:
        """Slices on a label's scale of intensities, seen through a region; beyond the volume its border goes on.

        Args:
            region: to look through.
            indices: (n,) slices, in any order.
            size: pixels a side.
            scale: of the intensities.

        Returns:
            (n, size, size) float32 on the device.
        """
        reach = region.reach(size, self.image.shape[1:])
        pixels = (reach[0].stop - reach[0].start) * (reach[1].stop - reach[1].start)
        most = max(1, _VOXELS.get(self.device.type, _MOST_VOXELS) // pixels)
        runs = [list(indices[first : first + most]) for first in range(0, len(indices), most)]
        with part("sampling"):
            return torch.cat([region.seen(self.scaled(some, reach, scale), reach, size, "border") for some in runs])

    def scaled(self, indices: Sequence[int], window: Window, scale: IntensityScale) -> Tensor:
        """Part of some slices on a scale, without its outliers: (n, h, w) float32 on the device."""
        chosen = _run(indices)
        cut = self.image[:, *window][chosen]  # a view, where the slices are neighbours
        copied = self._copied(scale, window)
        if copied is not None:
            stored, origin = copied
            corner = [span.start for span in self._box]
            spans = [slice(w.start - c, w.stop - c) for w, c in zip(window, corner, strict=True)]
            slices = (
                stored[chosen] if isinstance(chosen, slice) else stored.index_select(0, self._sent(np.array(chosen)))
            )
            seen = (slices[:, *spans] - (scale.offset - origin)) / scale.unit
        elif is_single(cut.dtype):
            seen = self._sent(cut, np.float32).sub_(scale.offset).div_(scale.unit)
        else:
            seen = self._sent(differences(cut, scale.offset) / scale.unit, np.float32)
        outliers = scale.outliers(cut)
        if outliers is not None:
            places, values = outliers
            seen.view(-1).index_copy_(0, self._sent(places), self._sent(values, np.float32))
        return seen

    def _copied(self, scale: IntensityScale, window: Window) -> tuple[Tensor, int | float] | None:
        """The copy on the device and its origin; None where there is none that serves."""
        inside = all(b.start <= w.start and w.stop <= b.stop for b, w in zip(self._box, window, strict=True))
        if not self._copies or not inside:
            return None
        if self._origin is None:
            self._origin = 0 if is_single(self.image.dtype) else scale.offset
            with part("copy"):
                self._copy = self._copy_of_box()
        if self._copy is None or (
            not is_single(self.image.dtype) and abs(scale.offset - self._origin) > _FAR * scale.unit
        ):
            return None
        return self._copy, self._origin

    def _copy_of_box(self) -> Tensor | None:
        seen = self.image[:, *self._box]
        if self.device.type != "cpu" and 4 * seen.size > card_memory(self.device) // _SHARE:
            return None
        copy = torch.empty(seen.shape, device=self.device)
        step = max(1, _VOXELS["cpu"] // max(1, seen[0].size))
        for first in range(0, len(seen), step):
            some = seen[first : first + step]
            numbers = some if is_single(some.dtype) else differences(some, self._origin or 0)
            copy[first : first + step] = self._sent(numbers, np.float32)
        return copy

    def _sent(self, array: np.ndarray, dtype: type[np.generic] = np.int64) -> Tensor:
        return to_device(array_tensor(array, dtype), self.device)


def _run(indices: Sequence[int]) -> slice | list[int]:
    """Neighbouring slices in order as a slice, which copies nothing; others as they are."""
    first, count = int(indices[0]), len(indices)
    if list(indices) == list(range(first, first + count)):
        return slice(first, first + count)
    return [int(index) for index in indices]
