"""Where in a scan something looks like a structure of another subject: correlation of intensities, at every place.

Normalised cross-correlation of weighed templates by Fourier transforms, after Lewis, "Fast normalized
cross-correlation", Vision Interface 1995, and Padfield, "Masked object registration in the Fourier domain", IEEE Trans.
Image Process. 21(5), 2012.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

from PatchICLLib.propagation.subjects.finished_structure import FinishedStructure

SCALES = (0.8, 0.87, 0.94, 1.0, 1.07, 1.15, 1.25)  # of structures between subjects
_FINEST, _ACROSS = 2.0, 16  # mm; grid steps over the longest extent of a structure
_REACH, _REACH_MM = 0.25, 2.0  # around a structure, that counts: of its longest extent, and in mm
_COVERED, _FULLY = 0.6, 0.9  # of a template that must lie in the scan, and that may without loss
_TAILS = 2.0  # percent of the intensities at either end that may be outliers
_EVERY = 2  # voxel along each axis that percentiles are taken of
_MOST = 2.0  # a template that is so much longer than the scan is not looked for


class CoarseScan:
    """A scan as coarse as it is correlated, made once for all structures that want it so.

    Args:
        image: (Z, H, W) real numbers.
        spacing: along slices, rows and columns.
    """

    def __init__(self, image: np.ndarray, spacing: tuple[float, float, float]) -> None:
        self.image, self.spacing = image, spacing
        self._range = _range(image)
        self._known: dict[float, np.ndarray] = {}

    def at(self, step: float) -> np.ndarray:
        """Intensities from 0 to 1, without outliers, on a grid of a step in mm: (a, b, c) float32."""
        if step not in self._known:
            self._known[step] = _resampled(*_blocks(self.image, self.spacing, step, self._range), step)
        return self._known[step]


@dataclass(frozen=True, eq=False)
class Correlation:
    """Correlation of a structure, at several scales, with a scan at all places.

    Attributes:
        step: of the grid of places, in mm.
        spacing: of the scan, mm along slices, rows and columns.
        own_spacing: of the structure's image.
        shape: of the grid that covers the scan.
        maps: by scale, (a, b, c) -1 to 1, cyclic; the place is that of the template's first corner.
    """

    step: float
    spacing: tuple[float, float, float]
    own_spacing: tuple[float, float, float]
    shape: tuple[int, ...]
    maps: dict[float, np.ndarray]

    @classmethod
    def of(
        cls, scan: CoarseScan, structure: FinishedStructure, check: Callable[[], None] = lambda: None
    ) -> Correlation:
        """Correlate a structure and its surroundings with a scan, both turned the same way."""
        longest = max(structure.extent(axis) for axis in range(3))
        step = _step(longest / _ACROSS)
        seen = scan.at(step)
        image, spacing = _blocks(structure.image, structure.spacing, step / max(SCALES), _range(structure.image))
        mask, _ = _blocks(structure.mask, structure.spacing, step / max(SCALES), (0.0, 1.0))
        distance = ndimage.distance_transform_edt(mask < min(0.5, float(mask.max())), sampling=spacing)
        weight = np.exp(-((distance / (_REACH * longest + _REACH_MM)) ** 2)).astype(np.float32)
        maps = {}
        for scale in SCALES:
            check()
            scaled = [s * scale for s in spacing]
            template = _resampled(image, scaled, step)
            if all(a <= _MOST * b for a, b in zip(template.shape, seen.shape, strict=True)):
                maps[scale] = _correlated(seen, template, _resampled(weight, scaled, step))
        return cls(step, scan.spacing, structure.spacing, seen.shape, maps)

    def at(self, scale: float, offsets: np.ndarray) -> np.ndarray:
        """(n,) correlations where a point p (mm) of the structure lies at ``scale * p + offset`` of the scan.

        Args:
            scale: one of ``maps``.
            offsets: (n, 3) in mm.
        """
        found = self.maps[scale]
        places = (offsets - self._corner(scale)) / self.step
        size, reach = np.array(found.shape), np.array(self.shape)
        values = ndimage.map_coordinates(found, (places % size).T, order=1, mode="grid-wrap")
        return np.where(((places > reach - size) & (places < reach)).all(1), values, -1.0)

    def best(self, price: Callable[[float], float]) -> tuple[float, np.ndarray, float] | None:
        """Scale, offset (3,) and correlation of the likeliest place, less the price of each scale; None: none fits."""
        found = []
        for scale, values in self.maps.items():
            place = np.unravel_index(values.argmax(), values.shape)
            found.append((float(values[place]) - price(scale), scale, place))
        if not found:
            return None
        _, scale, place = max(found, key=lambda one: one[0])
        values = self.maps[scale]
        # beyond the scan's last place a cyclic axis goes on before its first
        signed = np.where(np.array(place) < self.shape, place, np.array(place) - values.shape)
        return scale, signed * self.step + self._corner(scale), float(values[place])

    def _corner(self, scale: float) -> np.ndarray:
        """Offset where the template's first edge lies on that of the scan."""
        return np.asarray(0.5 * scale * np.array(self.own_spacing) - 0.5 * np.array(self.spacing))


def _step(least: float) -> float:
    """The finest of few steps that is not below one, in mm: structures of about the same size share theirs."""
    return float(_FINEST * 2 ** max(0.0, math.ceil(2 * math.log2(least / _FINEST)) / 2))


def _range(image: np.ndarray) -> tuple[float, float]:
    """Intensities between which nearly all lie."""
    low, high = np.percentile(image[::_EVERY, ::_EVERY, ::_EVERY], [_TAILS, 100 - _TAILS])
    return float(low), float(max(high, low + 1e-9))


def _blocks(
    image: np.ndarray, spacing: Sequence[float], step: float, limits: tuple[float, float]
) -> tuple[np.ndarray, list[float]]:
    """Means of blocks of voxels, at most half a step long, from 0 to 1 between two limits.

    Returns:
        (a, b, c) float32, and their spacing; voxels at the far ends that fill no block are left out.
    """
    sides = [max(1, int(step / 2 / s)) for s in spacing]
    n0, n1, n2 = (min(side, count) for side, count in zip(sides, image.shape, strict=True))
    a, b, c = image.shape[0] // n0, image.shape[1] // n1, image.shape[2] // n2
    means = np.empty((a, b, c), np.float32)
    for index in range(a):  # a layer of blocks at a time, so that memory stays small
        layer = image[index * n0 : (index + 1) * n0, : b * n1, : c * n2].astype(np.float32)
        layer = ((layer - limits[0]) / (limits[1] - limits[0])).clip(0, 1)
        means[index] = layer.reshape(n0, b, n1, c, n2).mean((0, 2, 4))
    return means, [n * s for n, s in zip((n0, n1, n2), spacing, strict=True)]


def _resampled(image: np.ndarray, spacing: Sequence[float], step: float) -> np.ndarray:
    """On a grid of a step in mm whose edges begin where the image's do."""
    factors = [s / step for s in spacing]
    smooth = ndimage.gaussian_filter(image, [max(0.0, 0.5 * (1 / f - 1)) for f in factors])
    ticks = [(np.arange(max(1, round(n * f))) + 0.5) / f - 0.5 for n, f in zip(image.shape, factors, strict=True)]
    places = np.meshgrid(*ticks, indexing="ij")
    return np.asarray(ndimage.map_coordinates(smooth, places, order=1, mode="nearest"))


def _correlated(scan: np.ndarray, template: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighed correlation at every place of the template's first corner, cyclic; less where it leaves the scan."""
    shape = [fft.next_fast_len(a + b - 1, True) for a, b in zip(scan.shape, template.shape, strict=True)]
    share = weight / weight.sum()
    centered = (template - (share * template).sum()) * share
    variance = float((share * (template - (share * template).sum()) ** 2).sum())

    def against(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        product = fft.rfftn(image, shape) * np.conj(fft.rfftn(kernel, shape))
        return np.asarray(fft.irfftn(product, shape))

    covered = against(np.ones_like(scan), share)
    mean, square = against(scan, share), against(scan * scan, share)
    deviation = np.sqrt(np.maximum(square - mean**2, 1e-6) * max(variance, 1e-12))
    found = against(scan, centered) / deviation * np.minimum(1, covered / _FULLY)
    found[covered < _COVERED] = -1
    return found.astype(np.float32)
