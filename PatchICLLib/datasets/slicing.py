"""Which slices of a volume take part: enough foreground, and a few of them, spread evenly (paper, section 4.1)."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from PatchICLLib.datasets.example import PLANES
from PatchICLLib.errors import InputError

MINIMUM_PIXELS, MOST_SLICES = 30, 6
_ANISOTROPIC = 1.2  # in-plane spacings further apart than this are resampled to square pixels


@dataclass(frozen=True)
class Slicing:
    """How slices are chosen.

    Attributes:
        minimum_pixels: foreground pixels that a slice needs.
        most_slices: of a structure in a case along an axis.
        planes: axes across the slices, of "k", "j", "i".
    """

    minimum_pixels: int = MINIMUM_PIXELS
    most_slices: int = MOST_SLICES
    planes: tuple[str, ...] = PLANES

    def __post_init__(self) -> None:
        if self.minimum_pixels < 1 or self.most_slices < 1 or not self.planes or set(self.planes) - set(PLANES):
            raise InputError(
                "Slices need at least 1 foreground pixel, at least 1 slice a case, and axes of i, j and k, but these "
                f"are {self.minimum_pixels}, {self.most_slices} and {','.join(self.planes) or 'none'}."
            )

    def choose(self, mask: np.ndarray) -> dict[str, list[int]]:
        """Slices of a structure by axis; axes without any are left out.

        Args:
            mask: (K, J, I) bool.
        """
        chosen = {}
        for plane in self.planes:
            axis = PLANES.index(plane)
            pixels = np.count_nonzero(mask, axis=tuple(a for a in range(3) if a != axis))
            slices = strided(np.flatnonzero(pixels >= self.minimum_pixels).tolist(), self.most_slices)
            if slices:
                chosen[plane] = slices
        return chosen


def strided(indices: list[int], most: int) -> list[int]:
    """At most ``most`` of the indices, every n-th from the middle of the first stride on.

    Example:
        >>> strided([10, 11, 12, 13, 14, 15, 16], 3)
        [11, 14]
    """
    stride = -(-len(indices) // most) if indices else 1
    return indices[(stride - 1) // 2 :: stride]


def take_slice(volume: np.ndarray, plane: str, index: int) -> np.ndarray:
    """A slice (H, W) of a volume (K, J, I) across an axis."""
    return np.take(volume, index, PLANES.index(plane))


def square_slice(
    volume: np.ndarray, mask: np.ndarray, spacing: tuple[float, float, float], plane: str, index: int
) -> tuple[np.ndarray, np.ndarray]:
    """Image (H, W) float32 and mask (H, W) bool of a slice; where pixels are far from square, resampled to square ones.

    Args:
        volume, mask: (K, J, I) numbers and bool.
        spacing: mm along (k, j, i).
        plane, index: axis across the slice, and its place.
    """
    image = take_slice(volume, plane, index).astype(np.float32)
    inside = take_slice(mask, plane, index)
    rows, columns = (step for axis, step in enumerate(spacing) if PLANES[axis] != plane)
    finest = min(rows, columns)
    if max(rows, columns) > _ANISOTROPIC * finest:
        zoom = (rows / finest, columns / finest)
        image = ndimage.zoom(image, zoom, order=1)
        inside = ndimage.zoom(inside.astype(np.uint8), zoom, order=0).astype(bool)
    return image, inside
