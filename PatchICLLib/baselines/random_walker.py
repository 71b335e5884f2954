"""Random walker: a voxel belongs to the seeds that a walk which shuns edges reaches first.

Grady, "Random walks for image segmentation", IEEE Trans. Pattern Anal. Mach. Intell. 28(11), 2006, by scikit-image,
which is imported when first needed.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from PatchICLLib.baselines.per_label import Baseline, Spacing
from PatchICLLib.baselines.seeds import FREE, INSIDE, OUTSIDE, growth_window, seeds_of
from PatchICLLib.errors import InputError

_EDGES = 1200.0  # beta, for intensities of standard deviation 1: the best of eight on development structures


def _walker() -> Callable[..., Any]:
    try:
        from skimage.segmentation import random_walker as walker
    except ImportError as error:
        raise InputError(
            "scikit-image is not installed: run `pip install scikit-image`, or leave out random-walker."
        ) from error
    return walker


def _walk(
    mask: np.ndarray, slices: tuple[int, ...], image: np.ndarray, spacing: Spacing
) -> tuple[np.ndarray, np.ndarray]:
    """scikit-image's random walker from the seeds and in the box of *Grow from seeds*, at least as likely as not.

    Where two labels claim a voxel, the more probable one has it.
    """
    window = growth_window(mask, spacing)
    strength = np.full(mask.shape, -np.inf, np.float32)
    strength[window] = _probability(seeds_of(mask, slices)[window], image[window], spacing)
    return strength >= 0.5, strength


random_walker = Baseline(_walk, "The random walker", check=_walker)


def _probability(seeds: np.ndarray, image: np.ndarray, spacing: Spacing) -> np.ndarray:
    """Probability of inside, (S, R, C) float32."""
    if not ((seeds == FREE).any() and (seeds == OUTSIDE).any()):
        return np.where(seeds == OUTSIDE, 0, 1).astype(np.float32)  # what scikit-image will not walk on
    intensities = image - np.float64(image.mean())
    deviation = intensities.std()
    if deviation > 0:
        intensities /= deviation
    else:
        intensities[0, 0, 0] = 1e-9  # scikit-image divides by the standard deviation
    options = {"beta": _EDGES, "mode": "cg_j", "tol": 1e-3, "prob_tol": np.inf, "spacing": spacing}
    found = _walker()(intensities, seeds, return_full_prob=True, **options)
    return found[INSIDE - 1].astype(np.float32)
