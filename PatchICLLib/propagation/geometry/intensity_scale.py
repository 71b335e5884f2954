"""Intensities as numbers of about 1 in single precision, whatever type, unit and offset they are stored in."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

_TAILS = 2.0  # percent at either end that say nothing about the range of a slice
_PAINTED_TAILS = 5.0  # and about that of what is painted
_BEYOND = 2.0  # times the range: intensities farther outside are outliers
_LOW_WORD = 32  # bits


@dataclass(frozen=True)
class IntensityScale:
    """Subtracts an offset, divides by a unit, and takes the edge off outliers.

    A voxel far beyond the range of what is seen on the painted slices, such as metal, gets the median of the pixels
    around it, and what is left of it ends at the border. Other intensities keep their places to one another.

    Attributes:
        offset: a value within the range.
        unit: a power of 2, about as large as the range.
        low, high: where outliers begin, in these units.
    """

    offset: int | float
    unit: float
    low: float
    high: float

    @classmethod
    def of(cls, slices: np.ndarray, masks: np.ndarray) -> IntensityScale:
        """The scale of a volume.

        Args:
            slices: (k, H, W) painted slices, real numbers.
            masks: (k, H, W) bool, what is painted.
        """
        offset = slices.min().item()
        values = differences(slices, offset)
        low, high = np.percentile(values, [_TAILS, 100 - _TAILS])
        if masks.any():
            own_low, own_high = np.percentile(values[masks], [_PAINTED_TAILS, 100 - _PAINTED_TAILS])
            low, high = min(low, own_low), max(high, own_high)
        if low == high:  # nearly constant: every difference counts
            low, high = float(values.min()), float(values.max())
        unit = unit_of(float(high - low))
        middle = float(low)
        margin = _BEYOND * float(high - low)
        if high == low:
            margin = math.inf
        offset = offset + (round(middle) if isinstance(offset, int) else middle)
        return cls(offset, unit, -margin / unit, (float(high - low) + margin) / unit)

    def outliers(self, part: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """What stands in place of the outliers of slices, on this scale.

        Args:
            part: (n, H, W) real numbers, slices or the same part of each.

        Returns:
            (m,) places in the flattened part, int64, and their values, float32; None where there are none.
        """
        if not part.size or self._holds(part.min().item()) and self._holds(part.max().item()):
            return None
        chosen = np.nonzero(self._is_beyond(part))
        n, rows, columns = chosen
        height, width = part.shape[1:]
        around = np.stack(
            [
                part[n, (rows + dy).clip(0, height - 1), (columns + dx).clip(0, width - 1)]
                for dy in (-1, 0, 1)
                for dx in (-1, 0, 1)
            ]
        )
        medians = np.median(differences(around, self.offset) / self.unit, axis=0)
        return np.ravel_multi_index(chosen, part.shape), medians.clip(self.low, self.high).astype(np.float32)

    def _holds(self, value: int | float) -> bool:
        return self.low <= (value - self.offset) / self.unit <= self.high

    def _is_beyond(self, part: np.ndarray) -> np.ndarray:
        if not is_single(part.dtype) or not math.isfinite(self.high):
            scaled = differences(part, self.offset) / self.unit
            return np.asarray((scaled < self.low) | (scaled > self.high))
        low, high = (self.offset + end * self.unit for end in (self.low, self.high))
        if part.dtype.kind in "iu":  # whole numbers are compared as such, which is quick
            most = np.iinfo(part.dtype)
            low, high = max(math.ceil(low), most.min), min(math.floor(high), most.max)
        elif part.dtype.kind == "f":
            largest = float(np.finfo(part.dtype).max)
            low, high = max(low, -largest), min(high, largest)
        return np.asarray((part < low) | (part > high))


def is_single(dtype: np.dtype) -> bool:
    """Whether single precision holds every number of a type exactly."""
    return dtype.itemsize <= (4 if dtype.kind == "f" else 2)


def unit_of(length: float) -> float:
    """The largest power of 2 that a length holds; 1 for 0."""
    return 2.0 ** math.floor(math.log2(length)) if length else 1.0


def differences(array: np.ndarray, offset: int | float) -> np.ndarray:
    """``array - offset`` in double precision, also of whole numbers of 64 bits that double precision can't hold."""
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8 and isinstance(offset, int):
        low_word = (1 << _LOW_WORD) - 1
        high = (array >> _LOW_WORD).astype(np.float64) - float(offset >> _LOW_WORD)
        low = (array & array.dtype.type(low_word)).astype(np.float64) - float(offset & low_word)
        return np.asarray(high * 2.0**_LOW_WORD + low)
    return np.asarray(array.astype(np.float64) - float(offset))
