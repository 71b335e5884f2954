"""Where an image's voxels lie in the patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_RELATIVE_SPACING_TOLERANCE = 1e-4
_DIRECTION_TOLERANCE = 1e-4
_ORIGIN_TOLERANCE_IN_VOXELS = 0.05


@dataclass(frozen=True)
class Grid:
    """The lattice of an image, in ITK's conventions (LPS, millimetres).

    Attributes:
        shape: number of voxels in array order, (K, J, I), or (J, I) of a 2D image.
        spacing: millimetres between voxels in the same order.
        origin: (x, y[, z]) of the centre of voxel 0, 0, 0.
        direction: row-major direction cosines; column c is the direction of axis c of (i, j[, k]).
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    origin: tuple[float, ...]
    direction: tuple[float, ...]

    @property
    def size_text(self) -> str:
        """Size as users know it, i first: "256 x 256 x 100"."""
        return " x ".join(str(count) for count in reversed(self.shape))

    def differences(self, other: Grid) -> list[str]:
        """What differs, each as "size 64 x 64 x 40 and 64 x 64 x 41"; empty when both are the same grid.

        File formats round what they store (NIfTI to 32 bits, MetaImage to six digits), hence small tolerances. Of
        2D images only the size counts: what picture formats store as spacing is the resolution of a print.
        """
        if len(self.shape) != len(other.shape):
            return [f"dimension {len(self.shape)} and {len(other.shape)}"]
        found = []
        if self.shape != other.shape:
            found.append(f"size {self.size_text} and {other.size_text}")
        if len(self.shape) == 2:
            return found
        pairs = zip(self.spacing, other.spacing, strict=True)
        if any(abs(a - b) > _RELATIVE_SPACING_TOLERANCE * max(a, b) for a, b in pairs):
            mine, theirs = _tell_apart(self.spacing[::-1], other.spacing[::-1], " x ")
            found.append(f"spacing {mine} mm and {theirs} mm")
        limit = _ORIGIN_TOLERANCE_IN_VOXELS * min(self.spacing + other.spacing)
        if _largest_gap(self.origin, other.origin) > limit:
            mine, theirs = _tell_apart(self.origin, other.origin, ", ")
            found.append(f"origin ({mine}) and ({theirs})")
        if _largest_gap(self.direction, other.direction) > _DIRECTION_TOLERANCE:
            mine, theirs = _tell_apart(self.direction, other.direction, " ")
            found.append(f"direction [{mine}] and [{theirs}]")
        return found


def _largest_gap(first: Sequence[float], second: Sequence[float]) -> float:
    return max(abs(a - b) for a, b in zip(first, second, strict=True))


def _tell_apart(first: Sequence[float], second: Sequence[float], separator: str) -> tuple[str, str]:
    """Both as text, with as many digits as it takes to see the difference."""
    for digits in (4, 7, 12):
        texts = tuple(separator.join(f"{value + 0.0:.{digits}g}" for value in values) for values in (first, second))
        if texts[0] != texts[1]:
            break
    return texts[0], texts[1]
