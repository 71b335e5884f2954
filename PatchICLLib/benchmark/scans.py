"""Synthetic scans, and what is painted of them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from PatchICLLib.errors import InputError

PAINTED = 3
_ENDS = 0.08  # of the slices beyond the structures, on either side


@dataclass(frozen=True)
class Scan:
    """Attributes: slices, rows, columns; number of labels: one is a vessel, several are organs of one kind."""

    shape: tuple[int, int, int]
    labels: int = 1

    @property
    def name(self) -> str:
        slices, rows, columns = self.shape
        return f"{columns}x{rows}x{slices}"

    @classmethod
    def parse(cls, text: str) -> Scan:
        """Of "512x512x300", or "192x192x120:24" with so many labels.

        Raises:
            InputError: another text; sides that are not alike, or none that all models take.
        """
        match = re.fullmatch(r"\s*([0-9]{1,6})x([0-9]{1,6})x([0-9]{1,6})(?::([0-9]{1,3}))?\s*", text)
        columns, rows, slices, labels = (int(number or 1) for number in match.groups()) if match else (0, 1, 0, 1)
        if columns != rows or columns % 8 or columns < 32 or slices < 8 or not 1 <= labels <= 255:
            raise InputError(
                "A volume must be COLUMNSxROWSxSLICES such as 512x512x300, square, with sides that are multiples of 8 "
                "and at least 8 slices, or with up to 255 labels such as 192x192x120:24, but it is "
                f"{text[:60]}."
            )
        return cls((slices, rows, columns), labels)

    def made(self) -> tuple[np.ndarray, np.ndarray]:
        """Image (K, J, I) int16, and labels (K, J, I) uint8."""
        return organs(self.shape, self.labels) if self.labels > 1 else phantom(self.shape)

    def painted(self, labels: np.ndarray) -> np.ndarray:
        """The labels on three slices from the structures' first to their last, (K, J, I) uint8."""
        held = np.flatnonzero(labels.any((1, 2)))
        chosen = held[np.linspace(0, len(held) - 1, PAINTED).round().astype(int)]
        painted = np.zeros(self.shape, np.uint8)
        painted[chosen] = labels[chosen]
        return painted


def phantom(shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A bent vessel of varying width through all slices, in noise: image (K, J, I) int16, mask (K, J, I) bool."""
    depth, height, width = shape
    rng = np.random.default_rng(0)
    rows, columns = np.arange(height)[:, None] / height, np.arange(width)[None] / width
    image, mask = np.empty(shape, np.int16), np.empty(shape, bool)
    for k, way in enumerate(np.linspace(0, 1, depth)):  # slice by slice: peak memory is measured in this process
        radius = 0.12 + 0.04 * np.sin(2 * np.pi * way)
        mask[k] = (rows - 0.5 - 0.08 * np.sin(np.pi * way)) ** 2 + (columns - 0.45 - 0.1 * way) ** 2 < radius**2
        image[k] = 40 + 110 * mask[k] + rng.normal(0, 25, (height, width))
    return image, mask


def painted_phantom(shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image, labels painted on three slices from the first to the last, and the whole mask."""
    image, mask = phantom(shape)
    return image, Scan(shape).painted(mask), mask


def organs(shape: tuple[int, int, int], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Ellipsoids that sway from slice to slice, side by side: image (K, J, I) int16, labels (K, J, I) uint8.

    Up to nine are of the same sizes, however many there are.
    """
    depth, height, width = shape
    rng = np.random.default_rng(0)
    side = max(3, math.ceil(math.sqrt(count)))
    rows, columns = np.arange(height)[:, None] / height, np.arange(width)[None] / width
    image, labels = np.empty(shape, np.int16), np.zeros(shape, np.uint8)
    for k, way in enumerate(np.linspace(-1, 1, depth)):
        values = np.full((height, width), 100.0)
        for number in range(count):
            y, x = ((place + 0.5) / side for place in divmod(number, side))
            radius = (0.34 + 0.08 * math.cos(number)) / side
            dy, dx = 0.06 * math.sin(3.5 * way) / side, 0.05 * math.cos(3 * way) / side
            inside = ((rows - y - dy) / radius) ** 2 + ((columns - x - dx) / (0.8 * radius)) ** 2
            inside = inside + (way / (1 - 2 * _ENDS)) ** 2 < 1
            labels[k][inside] = number + 1
            values[inside] += 60 * (1 + number % 5)
        image[k] = values + rng.normal(0, 12, (height, width))
    return image, labels
