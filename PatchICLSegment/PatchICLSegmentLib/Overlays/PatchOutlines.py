"""Patches as pixels: the outlines of boxes, solid for target patches and dashed for the context they drew on."""

from collections.abc import Iterable
from typing import Any

import numpy as np

# From coarse to fine, none like the preview of a green segment. Levels beyond the last color take it again.
LEVEL_COLORS = (
    (0.60, 0.50, 1.00),
    (0.29, 0.87, 0.50),
    (0.98, 0.80, 0.08),
    (0.98, 0.57, 0.24),
    (0.96, 0.25, 0.37),
)
_DASH = 3  # pixels on, then as many off


def levelColor(level: int) -> tuple[float, float, float]:
    return LEVEL_COLORS[min(level, len(LEVEL_COLORS) - 1)]


def outlineScale(rows: int, columns: int) -> int:
    """Pixels of an outline layer per voxel, so that outlines are fine lines on small slices too."""
    return max(1, min(4, 768 // max(rows, columns)))


def drawBoxes(pixels: np.ndarray, boxes: Iterable[Any], scale: tuple[float, float], dashed: bool) -> None:
    """Sets the outline pixels of boxes to 1.

    Args:
        pixels: (rows * scale[0], columns * scale[1]) of one slice.
        boxes: with `corner` (row, column) and `size` (rows, columns) in voxels of the slice, as in
            `PatchICLLib.propagation.result.propagation_result.PatchBox`: voxel centers are whole numbers,
            the first voxel begins at -0.5. What lies beyond the slice is cut off.
    """
    rows, columns = pixels.shape
    for box in boxes:
        top, left = (round((value + 0.5) * factor) for value, factor in zip(box.corner, scale, strict=True))
        bottom, right = (
            round((first + 0.5 + extent) * factor) - 1
            for first, extent, factor in zip(box.corner, box.size, scale, strict=True)
        )
        down, across = np.arange(top, bottom + 1), np.arange(left, right + 1)
        if dashed:
            down, across = (line[(line // _DASH) % 2 == 0] for line in (down, across))
        down, across = down[(down >= 0) & (down < rows)], across[(across >= 0) & (across < columns)]
        for row in (top, bottom):
            if 0 <= row < rows:
                pixels[row, across] = 1
        for column in (left, right):
            if 0 <= column < columns:
                pixels[down, column] = 1
