"""Where in a scan something looks like a structure of another subject: correlation of intensities, at every place.

Normalised cross-correlation of weighed templates by Fourier transforms, after Lewis, "Fast normalized
cross-correlation", Vision Interface 1995, and Padfield, "Masked object registration in the Fourier domain", IEEE Trans.
Image Process. 21(5), 2012.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

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
    """A scan, or a part of it, as coarse as it is correlated, made once for all structures that want it so.

    Args:
        image: (Z, H, W) real numbers.
        spacing: along slices, rows and columns.
        box: (2, 3) mm, first and last corner of the part that is looked at; None for all.
    """

    def __init__(self, image: np.ndarray, spacing: tuple[float, float, float], box: np.ndarray | None = None) -> None:
        first = np.zeros(3, int)
        if box is not None:
            first = np.floor(box[0] / spacing).astype(int).clip(0, np.array(image.shape) - 1)
            stop = np.maximum(np.ceil(box[1] / spacing).astype(int) + 1, first + 1)
            image = image[tuple(slice(a, b) for a, b in zip(first, stop, strict=True))]
        self.image, self.spacing = image, spacing
        self.origin = np.asarray(first * spacing)  # mm, center of the first voxel of the part
        self._range = _range(image)
        self._known: dict[float, np.ndarray] = {}
        self._transforms: dict[tuple[float, tuple[int, ...]], tuple[np.ndarray, ...]] = {}

    def at(self, step: float) -> np.ndarray:
        """Intensities from 0 to 1, without outliers, on a grid of a step in mm: (a, b, c) float32."""
        if step not in self._known:
            self._known[step] = _resampled(*_blocks(self.image, self.spacing, step, self._range), step)
        return self._known[step]

    def transforms(self, step: float, shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
        """Fourier transforms of where the scan is, of its intensities and their squares, filled up to a shape."""
        key = step, shape
        if key not in self._transforms:
            seen = self.at(step)
            self._transforms[key] = tuple(fft.rfftn(x, shape) for x in (np.ones_like(seen), seen, seen * seen))
        return self._transforms[key]


@dataclass(frozen=True, eq=False)
class Correlation:
    """Correlation of a structure, at several scales, with a scan at all places.

    Attributes:
        step: of the grid of places, in mm.
        spacing: of the scan, mm along slices, rows and columns.
        own_spacing: of the structure's image.
        shape: of the grid that covers the scan.
        origin: (3,) mm, center of the first voxel that the grid covers.
        maps: by scale, (a, b, c) -1 to 1, cyclic; the place is that of the template's first corner.
    """

    step: float
    spacing: tuple[float, float, float]
    own_spacing: tuple[float, float, float]
    shape: tuple[int, ...]
    origin: np.ndarray
    maps: dict[float, np.ndarray]

    @classmethod
    def of(
        cls,
        scan: CoarseScan,
        structure: FinishedStructure,
        check: Callable[[], None] = lambda: None,
        scales: Sequence[float] = SCALES,
        across: int = _ACROSS,
    ) -> Correlation:
        """Correlate a structure and its surroundings with a scan, both turned the same way.

        Args:
            scan: to look in.
            structure: to look for.
            check: called now and then; may raise to stop.
            scales: of the structure.
            across: grid steps over its longest extent, at most.
        """
        step = _step(structure.longest / across)
        seen = scan.at(step)
        templates = {}
        for scale in scales:
            template, weight = _template(structure, step, scale)
            if all(a <= _MOST * b for a, b in zip(template.shape, seen.shape, strict=True)):
                templates[scale] = template, weight
        # one shape for all scales, so that the scan is transformed once
        largest = [max(shape) for shape in zip(*(one.shape for one, _ in templates.values()), strict=True)]
        whole = tuple(fft.next_fast_len(a + b - 1, True) for a, b in zip(seen.shape, largest, strict=False))
        maps = {}
        for scale, pair in templates.items():
            check()
            maps[scale] = _correlated(scan.transforms(step, whole), whole, *pair)
        return cls(step, scan.spacing, structure.spacing, seen.shape, scan.origin, maps)

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
        return np.asarray(self.origin + 0.5 * scale * np.array(self.own_spacing) - 0.5 * np.array(self.spacing))


def _step(least: float) -> float:
    """The finest of few steps that is not below one, in mm: structures of about the same size share theirs."""
    return float(_FINEST * 2 ** max(0.0, math.ceil(2 * math.log2(least / _FINEST)) / 2))


def _template(structure: FinishedStructure, step: float, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """A structure and its surroundings at a scale, on a grid of a step in mm, and how much each voxel counts."""
    known = structure.worked_out
    key = "template", step, scale
    if key not in known:
        image, spacing = _blocks(structure.image, structure.spacing, step / max(SCALES), _range(structure.image))
        mask, _ = _blocks(structure.mask, structure.spacing, step / max(SCALES), (0.0, 1.0))
        distance = ndimage.distance_transform_edt(mask < min(0.5, float(mask.max())), sampling=spacing)
        weight = np.exp(-((distance / (_REACH * structure.longest + _REACH_MM)) ** 2)).astype(np.float32)
        for each in SCALES:
            scaled = [s * each for s in spacing]
            known["template", step, each] = _resampled(image, scaled, step), _resampled(weight, scaled, step)
    found: tuple[np.ndarray, np.ndarray] = known[key]
    return found


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
    for axis, size in enumerate(spacing):
        image = np.moveaxis(np.tensordot(_weights(image.shape[axis], size / step), image, (1, axis)), 0, axis)
    return np.ascontiguousarray(image)


@lru_cache(256)
def _weights(count: int, factor: float) -> np.ndarray:
    """Of voxels, smoothed as coarsely as they are resampled, in those on a grid of another step: (m, count) float32."""
    smooth = np.eye(count, dtype=np.float32)
    if factor < 1:
        smooth = ndimage.gaussian_filter1d(smooth, 0.5 * (1 / factor - 1), axis=0)
    places = ((np.arange(max(1, round(count * factor))) + 0.5) / factor - 0.5).clip(0, count - 1)
    before = places.astype(int)
    share = (places - before).astype(np.float32)[:, None]
    return (1 - share) * smooth[before] + share * smooth[np.minimum(before + 1, count - 1)]


def _correlated(
    scan: tuple[np.ndarray, ...], shape: tuple[int, ...], template: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """Weighed correlation at every place of the template's first corner, cyclic; less where it leaves the scan.

    Args:
        scan: transforms, see ``CoarseScan.transforms``.
        shape: of the result, which the scan was filled up to.
        template: (a, b, c).
        weight: of its voxels.
    """
    share = weight / weight.sum()
    centered = (template - (share * template).sum()) * share
    variance = float((share * (template - (share * template).sum()) ** 2).sum())
    there, intensity, squared = scan
    weights, differences = (np.conj(fft.rfftn(kernel, shape)) for kernel in (share, centered))
    covered, mean, square, product = (
        fft.irfftn(a * b, shape)
        for a, b in ((there, weights), (intensity, weights), (squared, weights), (intensity, differences))
    )
    deviation = np.sqrt(np.maximum(square - mean**2, 1e-6) * max(variance, 1e-12))
    found = product / deviation * np.minimum(1, covered / _FULLY)
    found[covered < _COVERED] = -1
    return np.asarray(found, np.float32)
