"""A phantom that moves and bends from frame to frame, with where its structures are in each."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

SHAPE, SPACING = (12, 30, 34), (2.0, 1.0, 1.0)


@dataclass(frozen=True, eq=False)
class MovingPhantom:
    """Attributes: images: (T, K, J, I) int16; labels: (T, K, J, I) uint8, two structures side by side."""

    images: np.ndarray
    labels: np.ndarray


def moving_phantom(frames: int = 6, farthest: float = 6.0, seed: int = 0) -> MovingPhantom:
    """Two bright structures in a mottled body that swings out by so many mm and back, with noise of its own in each."""
    rng = np.random.default_rng(seed)
    spacing = np.array(SPACING)
    places = np.indices(SHAPE).astype(float)
    k, j, i = (places[axis] * spacing[axis] for axis in range(3))
    body = gaussian_filter(rng.normal(size=SHAPE), 4 / spacing)
    body = 100 + 25 * body / body.std()
    labels = np.zeros(SHAPE, np.uint8)
    labels[((k - 12) / 8) ** 2 + ((j - 14) / 7) ** 2 + ((i - 13) / 6) ** 2 < 1] = 1
    labels[(((k - 13) / 7) ** 2 + ((j - 17) / 6) ** 2 + ((i - 23) / 5) ** 2 < 1) & (labels == 0)] = 2
    still = body + 90 * (labels == 1) - 60 * (labels == 2)
    bend = [gaussian_filter(rng.normal(size=SHAPE), 12 / spacing) for _ in range(3)]
    images, masks = [], []
    for frame in range(frames):
        swing = farthest * np.sin(np.pi * frame / (frames - 1))
        moved = [
            place + swing * (0.5 * field / np.abs(field).max() + share) / step
            for place, field, share, step in zip(places, bend, (0.3, 0.6, 0.3), SPACING, strict=True)
        ]
        image = map_coordinates(still, moved, order=1, mode="nearest") + rng.normal(0, 6, SHAPE)
        shares = [map_coordinates((labels == label).astype(float), moved, order=1) for label in (1, 2)]
        images.append(image.astype(np.int16))
        masks.append(np.where(np.max(shares, axis=0) >= 0.5, np.argmax(shares, axis=0) + 1, 0).astype(np.uint8))
    return MovingPhantom(np.stack(images), np.stack(masks))


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))
