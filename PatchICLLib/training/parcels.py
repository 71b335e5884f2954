"""Parts of structures that no edge in the image tells apart, like cortical parcels, liver segments or heart chambers.

Their borders can only be learned from the painted slices.
"""

import numpy as np

from PatchICLLib.training.synthetic import smooth_noise

_SHARE = (0.2, 0.7)  # of the structure's voxels
_BENT = 0.35  # of the cut, against a plane


def parcel(structure: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One side of a bent cut through a structure.

    Args:
        structure: (Z, Y, X) bool, cut to its bounding box.
        rng: decides everything.

    Returns:
        (Z, Y, X) bool, within the structure; 0.2 to 0.7 of its voxels.
    """
    direction = rng.normal(size=3)
    direction /= np.linalg.norm(direction)
    ramps = np.ix_(*(np.linspace(-1, 1, n) * d for n, d in zip(structure.shape, direction, strict=True)))
    field = sum(ramps) + _BENT * smooth_noise(rng, structure.shape, (4, 4, 4))[0]
    return structure & (field > np.quantile(field[structure], 1 - rng.uniform(*_SHARE)))
