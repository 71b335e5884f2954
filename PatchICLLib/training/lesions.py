"""Lesions painted into scans: many pieces of unlike size that appear and vanish from slice to slice.

What they have in common is their intensity, so that a network learns from them to follow the image where no shape can
be followed.
"""

import numpy as np
from scipy import ndimage

from PatchICLLib.training.synthetic import smooth_noise
from PatchICLLib.training.volumes import LabelledVolume

_MOST = 24  # lesions
_RADII = (1.2, 14.0)  # mm
_CONTRAST = (0.12, 0.6)  # of the scan's range


def with_lesions(
    image: np.ndarray,
    spacing: tuple[float, ...],
    inner: tuple[slice, ...],
    intensity_range: float,
    rng: np.random.Generator,
) -> LabelledVolume:
    """A copy of a scan's window with lesions, which are its one label.

    Args:
        image: (Z, Y, X) float32.
        spacing: (sz, sy, sx) in mm.
        inner: part of the window where the lesions' centres lie.
        intensity_range: what contrasts are measured by.
        rng: decides everything.
    """
    mask = np.zeros(image.shape, bool)
    typical = np.exp(rng.uniform(*np.log(_RADII)))
    grain = tuple(max(2, int(n * s / 5)) for n, s in zip(image.shape, spacing, strict=True))
    ragged = np.clip(smooth_noise(rng, image.shape, grain)[0] * rng.uniform(0, 0.5), -0.75, 0.75)
    part = image[inner]
    tissue = np.flatnonzero(part.ravel() >= np.median(part))
    starts = np.array([s.start for s in inner])
    for _ in range(int(rng.integers(1, _MOST + 1))):
        centre = starts + np.unravel_index(rng.choice(tissue), part.shape)
        radii = typical * np.exp(rng.normal(0, 0.5)) * np.exp(rng.normal(0, 0.25, 3)) / spacing
        reach = np.ceil(1.8 * radii).astype(int) + 1
        box = tuple(slice(max(0, c - r), c + r + 1) for c, r in zip(centre, reach, strict=True))
        offsets = [(np.arange(n)[b] - c) / r for n, b, c, r in zip(image.shape, box, centre, radii, strict=True)]
        distance = np.sqrt(sum(x**2 for x in np.ix_(*offsets)))
        mask[box] |= distance + ragged[box] < 1
    soft = ndimage.gaussian_filter(mask.astype(np.float32), [rng.uniform(0.3, 0.8) / s for s in spacing])
    contrast = rng.uniform(*_CONTRAST) * intensity_range * rng.choice([-1, 1])
    texture = smooth_noise(rng, image.shape, tuple(max(2, n // 3) for n in image.shape))[0]
    if rng.random() < 0.5:  # stained: what lies below shines through
        changed = image + soft * contrast * (1 + 0.2 * texture)
    else:
        level = float(np.median(part.ravel()[tissue])) + contrast
        changed = (1 - soft) * image + soft * (level + 0.06 * intensity_range * texture)
    return LabelledVolume.with_object(changed.astype(np.float32), mask, spacing)
