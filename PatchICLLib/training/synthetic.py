"""Images that never were: random anatomy, and random contrast on any label map."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from scipy import ndimage

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.training.volumes import LabelledVolume


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, ...], grid: tuple[int, ...], channels: int = 1
) -> np.ndarray:
    """Gaussian noise on a coarse grid, interpolated: (channels, *shape) float32."""
    coarse = array_tensor(rng.normal(size=(1, channels, *grid)))
    return F.interpolate(coarse, size=shape, mode="trilinear", align_corners=True)[0].numpy()


def random_anatomy(rng: np.random.Generator, shape: tuple[int, int, int] = (56, 96, 96)) -> LabelledVolume:
    """Compartments of random shape with tubes, ellipsoids and shells among them."""
    regions = int(rng.integers(3, 12))
    grid = tuple(int(rng.integers(3, 8)) for _ in range(3))
    labels = smooth_noise(rng, shape, grid, regions).argmax(0).astype(np.uint16) + 1
    axes = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij"))
    warp = smooth_noise(rng, shape, (4, 4, 4), 3) * rng.uniform(0, 0.12)
    for _ in range(int(rng.integers(2, 7))):
        labels[_random_object(rng, axes + warp)] = labels.max() + 1
    spacing = (float(rng.choice([1.0, 1.0, 2.0, 4.0])), 1.0, 1.0)
    return LabelledVolume.of(None, labels, spacing)


def _random_object(rng: np.random.Generator, axes: np.ndarray) -> np.ndarray:
    centre = rng.uniform(-0.6, 0.6, 3)
    kind = rng.choice(["ellipsoid", "tube", "shell"])
    if kind == "tube":
        times = np.linspace(-1, 1, 24)
        direction, bend = rng.normal(size=3), rng.normal(size=3) * 0.5
        direction /= np.linalg.norm(direction)
        path = centre + times[:, None] * direction + (times**2)[:, None] * bend
        radius = rng.uniform(0.03, 0.12) * (1 + 0.5 * rng.uniform(-1, 1) * times)
        inside = np.zeros(axes.shape[1:], bool)
        for point, r in zip(path, radius, strict=True):
            inside |= ((axes - point[:, None, None, None]) ** 2).sum(0) < r**2
        return inside
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    local = np.tensordot(turn, axes - centre[:, None, None, None], 1) / rng.uniform(0.1, 0.6, 3)[:, None, None, None]
    distance = np.sqrt((local**2).sum(0))
    return distance < 1 if kind == "ellipsoid" else np.abs(distance - 0.85) < rng.uniform(0.08, 0.2)


def paint_labels(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    """A scan of random contrast of a label map: (Z, Y, X) float32, about 0 to 1.

    In half of the scans labels share a few tissues, so that some neighbours have no edge between them.
    """
    count = int(labels.max()) + 1
    means = rng.uniform(0, 1, count).astype(np.float32)
    if rng.random() < 0.5:
        means = means[rng.integers(min(count, int(rng.integers(3, 8))), size=count)]
    deviations = rng.uniform(0, 0.12, count).astype(np.float32)
    texture = rng.normal(size=labels.shape).astype(np.float32)
    if rng.random() < 0.5:
        texture = ndimage.gaussian_filter(texture, (0.7, 1, 1)) * 3.5
    image = means[labels] + deviations[labels] * texture
    sigma = rng.uniform(0.3, 1.1)
    return ndimage.gaussian_filter(image, (sigma / 2, sigma, sigma))
