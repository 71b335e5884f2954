"""Images that never were: random anatomy, and random contrast on any label map."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from PatchICLLib.training.volumes import LabelledVolume


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, ...], grid: tuple[int, ...], channels: int = 1
) -> np.ndarray:
    """Gaussian noise on a coarse grid, interpolated linearly from corner to corner: (channels, *shape) float32."""
    field = rng.normal(size=(channels, *grid)).astype(np.float32)
    for axis, (count, coarse) in enumerate(zip(shape, grid, strict=True)):
        places = np.linspace(0, coarse - 1, count)
        weights = np.clip(1 - np.abs(places[:, None] - np.arange(coarse)), 0, 1).astype(np.float32)
        rest = field.shape[axis + 2 :]  # the axis before it, as a matrix product wants it
        flat = field.reshape(*field.shape[: axis + 1], coarse, -1)
        field = (weights @ flat).reshape(*field.shape[: axis + 1], count, *rest)
    return field


def random_anatomy(rng: np.random.Generator, shape: tuple[int, int, int] = (56, 96, 96)) -> LabelledVolume:
    """Compartments of random shape with tubes, ellipsoids and shells among them."""
    regions = int(rng.integers(3, 12))
    grid = tuple(int(rng.integers(3, 8)) for _ in range(3))
    labels = _largest(smooth_noise(rng, shape, grid, regions)) + 1
    warped = _Warped(shape, smooth_noise(rng, shape, (4, 4, 4), 3) * np.float32(rng.uniform(0, 0.12)))
    for number in range(int(rng.integers(2, 7))):
        for box, inside in _random_object(rng, warped):
            labels[box][inside] = regions + 1 + number
    spacing = (float(rng.choice([1.0, 1.0, 2.0, 4.0])), 1.0, 1.0)
    return LabelledVolume.of(None, labels, spacing)


def _largest(fields: np.ndarray) -> np.ndarray:
    """Number of the largest of (C, Z, Y, X) at each place, uint16; faster than ``argmax``."""
    number, most = np.zeros(fields.shape[1:], np.uint16), fields[0].copy()
    for i, field in enumerate(fields[1:], 1):
        number[field > most] = i
        np.maximum(most, field, out=most)
    return number


class _Warped:
    """Coordinates from -1 to 1 of a volume's voxels, bent by a displacement (3, Z, Y, X)."""

    def __init__(self, shape: tuple[int, ...], warp: np.ndarray) -> None:
        self.ramps = [np.linspace(-1, 1, n, dtype=np.float32) for n in shape]
        self.warp, self.bent = warp, float(np.abs(warp).max())

    def around(self, centre: np.ndarray, reach: float) -> tuple[tuple[slice, ...], np.ndarray]:
        """Offsets (3, z, y, x) from a place in a box that holds all voxels nearer than ``reach``, and the box."""
        ends = [(c - reach - self.bent, c + reach + self.bent) for c in centre]
        box = tuple(slice(*np.searchsorted(ramp, end)) for ramp, end in zip(self.ramps, ends, strict=True))
        offsets = self.warp[(slice(None), *box)] - centre[:, None, None, None].astype(np.float32)
        for i, grid in enumerate(np.ix_(*(ramp[b] for ramp, b in zip(self.ramps, box, strict=True)))):
            offsets[i] += grid
        return box, offsets


def _random_object(rng: np.random.Generator, warped: _Warped) -> Iterator[tuple[tuple[slice, ...], np.ndarray]]:
    """Boxes, and which of their voxels belong to the object."""
    centre = rng.uniform(-0.6, 0.6, 3)
    kind = rng.choice(["ellipsoid", "tube", "shell"])
    if kind == "tube":
        times = np.linspace(-1, 1, 24)
        direction, bend = rng.normal(size=3), rng.normal(size=3) * 0.5
        direction /= np.linalg.norm(direction)
        path = centre + times[:, None] * direction + (times**2)[:, None] * bend
        radius = rng.uniform(0.03, 0.12) * (1 + 0.5 * rng.uniform(-1, 1) * times)
        for point, r in zip(path, radius, strict=True):
            box, offsets = warped.around(point, r)
            yield box, np.square(offsets).sum(0) < r**2
        return
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    radii = rng.uniform(0.1, 0.6, 3)
    width = 0.0 if kind == "ellipsoid" else rng.uniform(0.08, 0.2)
    box, offsets = warped.around(centre, radii.max() * (1 if kind == "ellipsoid" else 0.85 + width))
    form = (turn / radii[:, None]).astype(np.float32)
    distance = np.sqrt(np.square(np.tensordot(form, offsets, 1)).sum(0))
    yield box, distance < 1 if kind == "ellipsoid" else np.abs(distance - 0.85) < width


@dataclass(frozen=True)
class Tissues:
    """How labels look: mean and deviation of the intensities of each, (labels,) float32.

    In half of the draws labels share a few tissues, so that some neighbours have no edge between them.
    """

    means: np.ndarray
    deviations: np.ndarray

    @classmethod
    def drawn(cls, rng: np.random.Generator, count: int) -> Tissues:
        """Of so many labels, background included."""
        means = rng.uniform(0, 1, count).astype(np.float32)
        if rng.random() < 0.5:
            means = means[rng.integers(min(count, int(rng.integers(3, 8))), size=count)]
        return cls(means, rng.uniform(0, 0.12, count).astype(np.float32))


def paint_labels(rng: np.random.Generator, labels: np.ndarray, tissues: Tissues | None = None) -> np.ndarray:
    """A scan of a label map: (Z, Y, X) float32, about 0 to 1; of random contrast if tissues is None."""
    tissues = tissues or Tissues.drawn(rng, int(labels.max()) + 1)
    texture = rng.standard_normal(labels.shape, np.float32)
    if rng.random() < 0.5:
        texture = ndimage.gaussian_filter(texture, (0.7, 1, 1)) * 3.5
    image = tissues.means[labels] + tissues.deviations[labels] * texture
    sigma = rng.uniform(0.3, 1.1)
    return ndimage.gaussian_filter(image, (sigma / 2, sigma, sigma))
