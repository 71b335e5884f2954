"""Slices of a structure as they compare between subjects: size, place, form and look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from PatchICLLib.propagation.geometry.region import Region

_SIZE = 32  # pixels a side of a form
_SIDE = 3.0  # of what is compared, in sides of a square of the structure's area
_TAILS = 5  # percent of the pixels of a look at either end that may be outliers


@dataclass(frozen=True, eq=False)
class SliceOutlines:
    """n slices that hold a structure.

    Attributes:
        indices: (n,) slices, ascending.
        areas: (n,) in square mm.
        centers: (n, 2) mean row and column in mm from the center of the first voxel.
        forms: (n, s, s) masks, 0 to 1, centered and of the same area.
        looks: (n, s, s) intensities through the same squares, of mean 0 and length 1.
    """

    indices: np.ndarray
    areas: np.ndarray
    centers: np.ndarray
    forms: np.ndarray
    looks: np.ndarray

    @classmethod
    def of(
        cls, image: np.ndarray, masks: np.ndarray, indices: Sequence[int], spacing: tuple[float, float]
    ) -> SliceOutlines:
        """Outlines on those slices that hold something.

        Args:
            image: (Z, H, W) real numbers.
            masks: (k, H, W) bool, what is known on some slices.
            indices: (k,) these slices, ascending; at least one of them holds something.
            spacing: distance of rows and of columns in mm.
        """
        held = [(z, mask) for z, mask in zip(indices, masks, strict=True) if mask.any()]
        areas, centers, forms, looks = [], [], [], []
        for index, mask in held:
            rows, columns = np.nonzero(mask)
            center = (float(rows.mean()), float(columns.mean()))
            area = len(rows) * spacing[0] * spacing[1]
            square = Region(center, _SIDE * math.sqrt(area), spacing)
            areas.append(area)
            centers.append(np.multiply(center, spacing))
            forms.append(square.sample(mask[None], _SIZE)[0].numpy())
            looks.append(_look(image[index], square))
        return cls(np.array([z for z, _ in held]), np.array(areas), np.array(centers), np.array(forms), np.array(looks))

    def likeness(self, number: int, other: SliceOutlines) -> tuple[np.ndarray, np.ndarray]:
        """How alike a slice is to each of another structure: overlap of forms (Dice) and correlation of looks.

        Parts of a structure may lie so far apart that nothing of them is near their center: such forms say nothing, 0.
        """
        form, forms = self.forms[number], other.forms
        total = form.sum() + forms.sum((1, 2))
        overlap = 2 * np.minimum(form, forms).sum((1, 2)) / np.where(total > 0, total, 1)
        return overlap, (self.looks[number] * other.looks).sum((1, 2))


def _look(plane: np.ndarray, square: Region) -> np.ndarray:
    seen = square.sample(plane[None], _SIZE, "border")[0].numpy().astype(float)
    seen = seen.clip(*np.percentile(seen, [_TAILS, 100 - _TAILS]))
    seen -= seen.mean()
    length = math.sqrt(float((seen**2).sum()))
    return np.asarray(seen / length if length else seen)
