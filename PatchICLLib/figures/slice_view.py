"""Shows slices of a volume the way radiologists expect, with square millimetres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from PatchICLLib.images import Volume

# LPS axes shown to the right and downwards (with sign) for slices across x, y, and z.
_RIGHT = {0: (1, 1), 1: (0, 1), 2: (0, 1)}
_DOWN = {0: (2, -1), 1: (2, -1), 2: (1, 1)}


@dataclass(frozen=True)
class SliceView:
    """How the planes of `axis` are drawn.

    Planes are (row, column) arrays of the volume with `axis` taken out; drawings use their voxel coordinates, x =
    column and y = row, or exchanged when `transposed`.

    Attributes:
        axis: array axis across the slices.
        transposed: rows of the plane run across the picture.
        flip_x, flip_y: the picture's axes run against the voxel coordinates.
        pixel: millimetres of a voxel along the picture's (x, y).
        window: (x first, x last, y first, y last) voxel edges shown.
    """

    axis: int
    transposed: bool
    flip_x: bool
    flip_y: bool
    pixel: tuple[float, float]
    window: tuple[float, float, float, float]

    @classmethod
    def around(cls, volume: Volume, mask: np.ndarray, axis: int, margin_mm: float) -> SliceView:
        """A view of the planes of `axis` that shows `mask` (K, J, I) of all slices and a margin."""
        directions = np.array(volume.direction).reshape(3, 3).T[::-1]  # by array axis
        dominant = [int(np.abs(direction).argmax()) for direction in directions]
        rows, columns = (other for other in range(3) if other != axis)
        across = dominant[axis]
        right, down = _RIGHT[across], _DOWN[across]
        transposed = dominant[columns] != right[0]
        x_axis, y_axis = (rows, columns) if transposed else (columns, rows)
        flip_x = directions[x_axis][right[0]] * right[1] < 0
        flip_y = directions[y_axis][down[0]] * down[1] < 0
        flat = np.any(mask, axis=axis)
        edges: list[float] = []
        for plane_axis, array_axis in ((1, columns), (0, rows)):
            occupied = np.flatnonzero(np.any(flat, axis=1 - plane_axis))
            margin = margin_mm / volume.spacing[array_axis]
            edges += [
                max(0.0, float(occupied[0]) - margin) - 0.5,
                min(mask.shape[array_axis] - 1.0, float(occupied[-1]) + margin) + 0.5,
            ]
        window = (edges[2], edges[3], edges[0], edges[1]) if transposed else (edges[0], edges[1], edges[2], edges[3])
        return cls(axis, transposed, flip_x, flip_y, (volume.spacing[x_axis], volume.spacing[y_axis]), window)

    @property
    def aspect(self) -> float:
        """Height over width of what is shown, in millimetres."""
        left, right, top, bottom = self.window
        return (bottom - top) * self.pixel[1] / ((right - left) * self.pixel[0])

    def plane(self, array: np.ndarray, index: int) -> np.ndarray:
        """One slice of a (K, J, I) array, ready for `imshow`."""
        plane = np.take(array, index, self.axis)
        return plane.T if self.transposed else plane

    def rectangle(self, corner: tuple[float, float], size: tuple[float, float]) -> tuple[float, float, float, float]:
        """(x, y, width, height) of a box given by (row, column) voxel coordinates of its corner and its size."""
        (row, column), (height, width) = corner, size
        return (row, column, height, width) if self.transposed else (column, row, width, height)

    def intensity_limits(self, array: np.ndarray) -> tuple[float, float]:
        """Intensities to show as black and white, from what the window shows of a (K, J, I) image."""
        left, right, top, bottom = (round(edge + 0.5) for edge in self.window)
        planes = np.moveaxis(array, self.axis, 0)
        shown = planes[:, left:right, top:bottom] if self.transposed else planes[:, top:bottom, left:right]
        low, high = np.percentile(shown, (1.5, 99.7))
        return float(low), float(high + 0.25 * (high - low))

    def frame(self, axes: Any) -> None:
        """Set the limits and the shape of matplotlib axes to what is shown."""
        left, right, top, bottom = self.window
        axes.set_xlim((right, left) if self.flip_x else (left, right))
        axes.set_ylim((top, bottom) if self.flip_y else (bottom, top))
        axes.set_aspect(self.pixel[1] / self.pixel[0])
