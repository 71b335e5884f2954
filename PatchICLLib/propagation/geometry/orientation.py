"""How the engine turns a volume before it looks, so that the way a volume is stored does not change what is found.

Networks and sweeps see an image and its mirror image slightly differently. The engine therefore looks at every volume
in an orientation that follows from its content: along each axis the brighter end comes first, and rows are the axis of
the larger spacing, the larger extent, or the brighter end. Volumes that differ only in the order or the direction of
their stored axes then give the very same slices, and the same result in space. (Where the planes' mean brightness is
the same from either end, and the painting too, the stored order decides.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from PatchICLLib.propagation.geometry.intensity_scale import differences

_TAILS = 0.1  # percent of the voxels at either end that may be outliers
_SAMPLES = 48  # planes looked at in each half along an axis


@dataclass(frozen=True)
class Orientation:
    """Stored axes in the order slices, rows, columns, and which of these are mirrored.

    Attributes:
        axes: stored axis that becomes slices, rows, columns.
        mirrored: of slices, rows, columns.
        shape: stored shape.
    """

    axes: tuple[int, int, int]
    mirrored: tuple[bool, bool, bool]
    shape: tuple[int, int, int]

    @classmethod
    def of(cls, axis: int, image: np.ndarray, painted: np.ndarray, spacing: tuple[float, float, float]) -> Orientation:
        """The orientation in which slices along ``axis`` are looked at.

        Args:
            axis: slicing axis of the stored arrays.
            image: (K, J, I) numbers.
            painted: (K, J, I) integers; decides where the image is symmetrical.
            spacing: along the stored axes.
        """
        kept = np.ix_(*(_sampled(n) for n in image.shape))
        samples = [_without_outliers(image[kept]), (painted[kept] != 0).astype(np.float64)]
        profiles = [[_profile(sample, a) for sample in samples] for a in range(3)]
        mirrored = [[p[::-1] for p in profiles[a]] > profiles[a] for a in range(3)]

        def key(a: int) -> tuple[float, int, list[tuple[float, ...]]]:
            return spacing[a], image.shape[a], [p[::-1] if mirrored[a] else p for p in profiles[a]]

        rows, columns = sorted((a for a in range(3) if a != axis), key=key, reverse=True)
        axes = (axis, rows, columns)
        first, second, third = image.shape
        return cls(axes, (mirrored[axis], mirrored[rows], mirrored[columns]), (first, second, third))

    @property
    def transposed(self) -> bool:
        """Whether the rows of a stored slice are columns here."""
        return self.axes[1] > self.axes[2]

    def view(self, stored: np.ndarray) -> np.ndarray:
        """A stored array as slices, rows, columns; nothing is copied."""
        turned = np.transpose(stored, self.axes)
        return turned[tuple(slice(None, None, -1 if m else None) for m in self.mirrored)]

    def stored(self, seen: np.ndarray) -> np.ndarray:
        """Slices, rows, columns as a stored array; nothing is copied."""
        upright = seen[tuple(slice(None, None, -1 if m else None) for m in self.mirrored)]
        return np.transpose(upright, np.argsort(self.axes))

    def slice_index(self, index: int) -> int:
        """Stored index of a slice, or the slice of a stored index."""
        return self.shape[self.axes[0]] - 1 - index if self.mirrored[0] else index

    def seen_plane(self, stored: tuple[int, int]) -> tuple[int, int]:
        """A stored axis and an index along it, as slices (0), rows (1) or columns (2)."""
        axis, index = stored
        place = self.axes.index(axis)
        return place, self.shape[axis] - 1 - index if self.mirrored[place] else index

    def stored_box(self, seen: tuple[slice, slice, slice]) -> tuple[slice, slice, slice]:
        """A box of slices, rows, columns in the stored order of axes."""
        found = {axis: self._turned(axis, m, s) for axis, m, s in zip(self.axes, self.mirrored, seen, strict=True)}
        return found[0], found[1], found[2]

    def seen_box(self, stored: tuple[slice, slice, slice]) -> tuple[slice, slice, slice]:
        """A box of stored arrays as slices, rows, columns."""
        slices, rows, columns = (
            self._turned(axis, m, stored[axis]) for axis, m in zip(self.axes, self.mirrored, strict=True)
        )
        return slices, rows, columns

    @property
    def mirrored_sides(self) -> tuple[int, ...]:
        """Which of rows (1) and columns (2) run against the stored order."""
        return tuple(a for a in (1, 2) if self.mirrored[a])

    def stored_window(self, window: tuple[slice, slice]) -> tuple[slice, slice]:
        """A window of a slice where rows and columns run as they are stored."""
        rows, columns = (
            self._turned(axis, m, s) for axis, m, s in zip(self.axes[1:], self.mirrored[1:], window, strict=True)
        )
        return rows, columns

    def _turned(self, axis: int, mirrored: bool, span: slice) -> slice:
        count = self.shape[axis]
        return slice(count - span.stop, count - span.start) if mirrored else span

    def plane(self, seen: np.ndarray) -> np.ndarray:
        """A slice as it is stored; nothing is copied."""
        upright = seen[tuple(slice(None, None, -1 if m else None) for m in self.mirrored[1:])]
        return upright.T if self.transposed else upright

    def box(
        self, corner: tuple[float, float], size: tuple[float, float]
    ) -> tuple[tuple[float, float], tuple[float, float]]:
        """First corner and size of a box in a slice, in voxels of the slice as it is stored."""
        first = [
            self.shape[axis] - 1 - c - s if m else c
            for axis, m, c, s in zip(self.axes[1:], self.mirrored[1:], corner, size, strict=True)
        ]
        if self.transposed:
            return (first[1], first[0]), (size[1], size[0])
        return (first[0], first[1]), size


def _sampled(count: int) -> np.ndarray:
    """At most 2 * _SAMPLES places of an axis, the same from either end."""
    low = np.unique(np.linspace(0, (count - 1) // 2, _SAMPLES).astype(int))
    return np.union1d(low, count - 1 - low)


def _without_outliers(sample: np.ndarray) -> np.ndarray:
    """Intensities above the lowest in double precision; far beyond the range of nearly all they end at a border."""
    values = differences(sample, sample.min().item())
    low, high = np.percentile(values, [_TAILS, 100 - _TAILS])
    return values.clip(2 * low - high, 2 * high - low) if high > low else values


def _profile(sample: np.ndarray, axis: int) -> tuple[float, ...]:
    """Mean of each plane across an axis, in units of the sample's range, without what is rounding."""
    means = sample.mean(tuple(a for a in range(3) if a != axis))
    spread = sample.max() - sample.min()
    return tuple(((means - sample.min()) / spread).round(8).tolist()) if spread else ()
