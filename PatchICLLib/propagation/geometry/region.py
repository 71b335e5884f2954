"""Square region of interest in the slice plane: where the network looks, in millimetres.

A field of view a little larger than the painted extent matters more than resolution: structures then always fill about
the same part of the input, whatever their size and the pixels' shape.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.runtime.transfers import to_device

GROWTH = 1.3
MINIMUM_PIXELS = 20
_CHUNK = 32  # slices sampled at a time
_GRIDS = 32  # kept, half a megabyte each: a propagation samples the same regions again and again

Window = tuple[slice, slice]


@dataclass(frozen=True)
class Region:
    """A square field of view, possibly turned, mirrored or stretched (for augmentation).

    Attributes:
        centre: row and column of its centre in voxel coordinates (voxel centres are whole numbers).
        side: length of its sides in mm.
        spacing: distance of rows and of columns in mm.
        angle: rotation in radians.
        mirror: mirrored along the columns.
        stretch: rows stretched by this factor, columns shrunk by it.
    """

    centre: tuple[float, float]
    side: float
    spacing: tuple[float, float]
    angle: float = 0.0
    mirror: bool = False
    stretch: float = 1.0

    @classmethod
    def around(cls, mask: np.ndarray, spacing: tuple[float, float], growth: float = GROWTH) -> Region:
        """Region around the extent of a mask.

        Args:
            mask: (H, W) bool, not empty.
            spacing: distance of rows and of columns in mm.
            growth: side of the region over the longer side of the extent.
        """
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        extent = max((rows[-1] - rows[0] + 1) * spacing[0], (columns[-1] - columns[0] + 1) * spacing[1])
        side = max(extent * growth, MINIMUM_PIXELS * min(spacing))
        return cls(((rows[0] + rows[-1]) / 2, (columns[0] + columns[-1]) / 2), float(side), spacing)

    def grown(self, factor: float) -> Region:
        return replace(self, side=self.side * factor)

    @property
    def pixels(self) -> float:
        """Side in voxels of the finer in-plane spacing."""
        return self.side / min(self.spacing)

    def _matrix(self) -> np.ndarray:
        """Region coordinates (-0.5 to 0.5) to voxel offsets from the centre, 2x2."""
        c, s = math.cos(self.angle), math.sin(self.angle)
        form = np.diag([self.stretch, (-1 if self.mirror else 1) / self.stretch])
        return np.diag(1 / np.asarray(self.spacing)) @ np.array([[c, -s], [s, c]]) @ form * self.side

    def sample(self, slices: np.ndarray, size: int, outside: str = "zeros") -> Tensor:
        """Slices seen through the region, averaged where its pixels are larger than voxels.

        Args:
            slices: (N, H, W) numbers.
            size: pixels a side of the result.
            outside: "zeros" or "border", what lies beyond the slices.

        Returns:
            (N, size, size) float32.
        """
        reach = self.reach(size, slices.shape[1:])
        parts = [slices[first : first + _CHUNK][:, *reach] for first in range(0, len(slices), _CHUNK)]
        return torch.cat([self.seen(array_tensor(part), reach, size, outside) for part in parts])

    def reach(self, size: int, shape: tuple[int, ...]) -> Window:
        """Rows and columns of slices of a shape (H, W) that ``size`` pixels a side touch: memory follows the region."""
        plane, window = _places(self, size), []
        for a, step in enumerate(self._steps(size)):
            start = min(max(0, math.floor(plane[..., a].min()) - 2 * step), shape[a] - 1)
            stop = min(shape[a], math.ceil(plane[..., a].max()) + 2 * step + 1)
            window.append(slice(start, max(start + 1, stop)))
        return window[0], window[1]

    def seen(self, part: Tensor, reach: Window, size: int, outside: str = "zeros") -> Tensor:
        """Part of some slices seen through the region, on the device that it is on.

        Args:
            part: (N, h, w) float32, rows and columns ``reach`` of the slices.
            reach: from ``reach`` for the same size.
            size: pixels a side of the result.
            outside: "zeros" or "border", what lies beyond the slices.

        Returns:
            (N, size, size) float32.
        """
        step, data = self._steps(size), part[None]
        if max(step) > 1:
            data = F.avg_pool2d(data, step, ceil_mode=True, count_include_pad=False)
        extent = (data.shape[2] * step[0], data.shape[3] * step[1])
        grid = _sampling_grid(self, size, (reach[0].start, reach[1].start), extent, part.device)
        return F.grid_sample(data, grid, mode="bilinear", padding_mode=outside, align_corners=False)[0]

    def _steps(self, size: int) -> tuple[int, int]:
        """Rows and columns that are averaged before a sample of ``size`` pixels a side is taken."""
        first, second = (max(1, int(self.side / size / s + 0.25)) for s in self.spacing)
        return first, second

    def bounds(self, shape: tuple[int, int]) -> Window:
        """Rows and columns whose voxel centres lie inside an unturned region, clipped to a slice of ``shape``."""
        spans = []
        for a in (0, 1):
            half = self.side / self.spacing[a] / 2
            first = max(0, math.ceil(self.centre[a] - half))
            last = min(shape[a] - 1, math.floor(self.centre[a] + half))
            spans.append(slice(first, max(first, last + 1)))
        return spans[0], spans[1]

    def restore(self, fields: Tensor, shape: tuple[int, int]) -> tuple[Tensor, Window]:
        """Fields on the region's pixels back on the voxels inside it; for unturned regions.

        Args:
            fields: (N, size, size).
            shape: of a slice (H, W).

        Returns:
            (N, h, w) float32 on the fields' device, and the rows and columns it belongs to.
        """
        window = self.bounds(shape)
        spans = tuple((span.start, span.stop) for span in window)
        grid = _restoring_grid(self, (spans[0], spans[1]), fields.device)
        values = F.grid_sample(fields[None].float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
        return values[0], window


@lru_cache(maxsize=16)
def _places(region: Region, size: int) -> np.ndarray:
    """Row and column, in voxels of the slice, of each of ``size`` pixels a side: (size, size, 2)."""
    ticks = (np.arange(size) + 0.5) / size - 0.5
    return np.asarray(np.stack(np.meshgrid(ticks, ticks, indexing="ij"), -1) @ region._matrix().T + region.centre)


@lru_cache(maxsize=_GRIDS)
def _sampling_grid(
    region: Region, size: int, corner: tuple[int, int], extent: tuple[int, int], device: torch.device
) -> Tensor:
    """Where the region's pixels lie in a part of a slice, as ``grid_sample`` counts: (1, size, size, 2)."""
    plane = _places(region, size)
    normalised = [(plane[..., a] - corner[a] + 0.5) / extent[a] * 2 - 1 for a in (1, 0)]
    return _uploaded(np.stack(normalised, -1), device)


@lru_cache(maxsize=_GRIDS)
def _restoring_grid(region: Region, spans: tuple[tuple[int, int], tuple[int, int]], device: torch.device) -> Tensor:
    """Where voxels of a slice lie in the region, as ``grid_sample`` counts: (1, h, w, 2)."""
    y, x = np.meshgrid(
        *((np.arange(*spans[a]) - region.centre[a]) * region.spacing[a] / region.side * 2 for a in (0, 1)),
        indexing="ij",
    )
    return _uploaded(np.stack([x, y], -1), device)


def _uploaded(grid: np.ndarray, device: torch.device) -> Tensor:
    return to_device(array_tensor(grid)[None], device)
