"""How the engine turns a volume before it looks, so that the way a volume is stored does not change what is found.

Networks and sweeps see an image and its mirror image slightly differently. The engine therefore looks at every volume
in an orientation that follows from its content: mirrored so that its brighter half comes first along each axis, rows
being the axis of the larger spacing, the larger extent, or the wider spread. Volumes that differ only in the order or
the direction of their stored axes then give the very same slices, and the same result in space. (Content that is its
own mirror image is the exception: there the stored order decides.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_SAMPLES = 48  # planes looked at in each half along an axis
_TIE = 1e-8  # differences below this share are rounding


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
        samples = [np.asarray(image[kept], np.float64), (painted[kept] != 0).astype(np.float64)]
        profiles = [[_profile(sample, a) for sample in samples] for a in range(3)]
        mirrored = [_comes_second(profiles[a], _sampled(image.shape[a]), image.shape[a]) for a in range(3)]
        rows, columns = (a for a in range(3) if a != axis)
        if _key(columns, spacing, image.shape, profiles) > _key(rows, spacing, image.shape, profiles):
            rows, columns = columns, rows
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

    def slice_index(self, index: int) -> int:
        """Stored index of a slice, or the slice of a stored index."""
        return self.shape[self.axes[0]] - 1 - index if self.mirrored[0] else index

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


def _profile(sample: np.ndarray, axis: int) -> np.ndarray:
    """Mean of each plane across an axis, less the mean of all."""
    means = sample.mean(tuple(a for a in range(3) if a != axis))
    means -= means.mean()
    means[np.abs(means) <= _TIE * (sample.max() - sample.min())] = 0
    return means


def _moment(profile: np.ndarray, power: int, places: np.ndarray) -> float:
    """Moment about the middle, -1 to 1: 0 where it is within rounding."""
    weights = places**power
    moment, scale = float((profile * weights).sum()), float(np.abs(profile * weights).sum())
    return moment / scale if abs(moment) > _TIE * scale else 0.0


def _comes_second(profiles: list[np.ndarray], sampled: np.ndarray, count: int) -> bool:
    """Whether the brighter half of an axis is the second."""
    places = (2 * sampled - (count - 1)) / count
    moments = (_moment(profile, power, places) for profile in profiles for power in (1, 3))
    return next((moment > 0 for moment in moments if moment), False)


def _key(
    axis: int, spacing: tuple[float, float, float], shape: tuple[int, ...], profiles: list[list[np.ndarray]]
) -> tuple[float, ...]:
    """What decides which axis of a slice becomes its rows."""
    places = (2 * _sampled(shape[axis]) - (shape[axis] - 1)) / shape[axis]
    return (spacing[axis], shape[axis], *(round(_moment(p, 2, places), 9) for p in profiles[axis]))
