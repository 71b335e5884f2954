"""Square region of interest in the slice plane: where the network looks, in millimetres.

A field of view a little larger than the painted extent matters more than resolution: structures then always fill about
the same part of the input, whatever their size and the pixels' shape.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.propagation.geometry.intensity_scale import IntensityScale

GROWTH = 1.3
MINIMUM_PIXELS = 20
_CHUNK = 32  # slices sampled at a time


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

    def sample(
        self, slices: np.ndarray, size: int, outside: str = "zeros", scale: IntensityScale | None = None
    ) -> Tensor:
        """Slices seen through the region, averaged where its pixels are larger than voxels.

        Args:
            slices: (N, H, W) numbers.
            size: pixels a side of the result.
            outside: "zeros" or "border", what lies beyond the slices.
            scale: applied to the slices first.

        Returns:
            (N, size, size) float32.
        """
        step = [max(1, int(self.side / size / s + 0.25)) for s in self.spacing]
        ticks = (np.arange(size) + 0.5) / size - 0.5
        plane = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), -1) @ self._matrix().T + np.asarray(self.centre)
        window = []
        for a in (0, 1):  # only what the region touches is read, so that memory follows the region
            last = slices.shape[1 + a]
            start = min(max(0, math.floor(plane[..., a].min()) - 2 * step[a]), last - 1)
            window.append(slice(start, max(start + 1, min(last, math.ceil(plane[..., a].max()) + 2 * step[a] + 1))))
        seen = []
        for first in range(0, len(slices), _CHUNK):
            part = slices[first : first + _CHUNK, window[0], window[1]]
            data = array_tensor(part if scale is None else scale.applied(part))[None]
            if max(step) > 1:
                data = F.avg_pool2d(data, tuple(step), ceil_mode=True, count_include_pad=False)
            normalised = [
                (plane[..., a] - window[a].start + 0.5) / (data.shape[2 + a] * step[a]) * 2 - 1 for a in (1, 0)
            ]
            grid = array_tensor(np.stack(normalised, -1))[None]
            seen.append(F.grid_sample(data, grid, mode="bilinear", padding_mode=outside, align_corners=False)[0])
        return torch.cat(seen)

    def bounds(self, shape: tuple[int, int]) -> tuple[slice, slice]:
        """Rows and columns whose voxel centres lie inside an unturned region, clipped to a slice of ``shape``."""
        spans = []
        for a in (0, 1):
            half = self.side / self.spacing[a] / 2
            first = max(0, math.ceil(self.centre[a] - half))
            last = min(shape[a] - 1, math.floor(self.centre[a] + half))
            spans.append(slice(first, max(first, last + 1)))
        return spans[0], spans[1]

    def restore(self, fields: Tensor, shape: tuple[int, int]) -> tuple[np.ndarray, tuple[slice, slice]]:
        """Fields on the region's pixels back on the voxels inside it; for unturned regions.

        Args:
            fields: (N, size, size).
            shape: of a slice (H, W).

        Returns:
            (N, h, w) float32 and the rows and columns it belongs to.
        """
        rows, columns = self.bounds(shape)
        ticks = [
            (np.arange(s.start, s.stop) - self.centre[a]) * self.spacing[a] / self.side * 2
            for a, s in enumerate((rows, columns))
        ]
        y, x = np.meshgrid(*ticks, indexing="ij")
        grid = array_tensor(np.stack([x, y], -1)).to(fields.device)[None]
        values = F.grid_sample(fields[None].float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
        return values[0].cpu().numpy(), (rows, columns)
