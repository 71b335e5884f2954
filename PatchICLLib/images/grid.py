"""Where an image's voxels lie in the patient."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

_RELATIVE_SPACING_TOLERANCE = 1e-4
_DIRECTION_TOLERANCE = 1e-4
_ORIGIN_TOLERANCE_IN_VOXELS = 0.05

# A lattice that some format stores slightly differently is the same one if no corner is farther off, in voxels.
CORNER_TOLERANCE = 0.1


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

    @property
    def steps(self) -> np.ndarray:
        """(d, d) matrix whose column c is the way in millimetres from a voxel to the next along c of (i, j[, k])."""
        dimension = len(self.shape)
        return np.reshape(self.direction, (dimension, dimension)) * np.array(self.spacing[::-1])

    def corner_distance(self, steps: np.ndarray, origin: Sequence[float] | np.ndarray) -> float:
        """How far the corner that differs most lies from that of a lattice of equal size, in the smallest voxel edge.

        Args:
            steps: as `Grid.steps` of the other lattice.
            origin: its first voxel.
        """
        corners = np.array(list(itertools.product(*[(0, count - 1) for count in reversed(self.shape)])), float)
        moved = corners @ (self.steps - steps).T + (np.array(self.origin) - np.array(origin))
        return float(np.linalg.norm(moved, axis=1).max()) / min(self.spacing)

    def with_right_angles(self) -> Grid:
        """The nearest grid whose axes are perpendicular, which is all that NIfTI and DICOM can hold for ITK."""
        dimension = len(self.shape)
        left, _, right = np.linalg.svd(np.reshape(self.direction, (dimension, dimension)))
        return replace(self, direction=tuple(float(value) for value in (left @ right).ravel()))

    def shear(self) -> float:
        """How far the farthest corner lies from that of the nearest grid with right angles, in voxels."""
        straight = self.with_right_angles()
        return self.corner_distance(straight.steps, straight.origin)

    def turn_to(self, other: Grid) -> Turn | None:
        """How to turn an array on this grid onto `other`, if both are the same lattice, its axes in another order.

        Returns:
            None if voxels of one do not lie on voxels of the other.
        """
        if len(self.shape) != 3 or len(other.shape) != 3:
            return None
        # column c: how far one goes along each axis of this array when one goes a voxel along axis c of the other's
        steps = np.linalg.solve(self.steps, other.steps)[::-1, ::-1]
        whole = np.rint(steps)
        if not np.array_equal(np.abs(whole).sum(axis=0), [1, 1, 1]) or not np.abs(whole).sum(axis=1).all():
            return None
        order = tuple(int(axis) for axis in np.abs(whole).argmax(axis=0))
        flipped = tuple(axis for axis in range(3) if whole[order[axis], axis] < 0)
        turn = Turn(order, flipped)
        return turn if not turn.grid(self).differences(other) else None

    def differences(self, other: Grid) -> list[str]:
        """What differs, each as "size 64 x 64 x 40 and 64 x 64 x 41"; empty when both are the same grid.

        File formats round what they store (NIfTI to 32 bits and right angles, MetaImage to six digits), hence small
        tolerances; grids whose corners are all within that of a lattice are the same. Of 2D images only the size
        counts: what picture formats store as spacing is the resolution of a print.
        """
        if len(self.shape) != len(other.shape):
            return [f"dimension {len(self.shape)} and {len(other.shape)}"]
        found = []
        if self.shape != other.shape:
            found.append(f"size {self.size_text} and {other.size_text}")
        if len(self.shape) == 2:
            return found
        if not found and self.corner_distance(other.steps, other.origin) < CORNER_TOLERANCE:
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


@dataclass(frozen=True)
class Turn:
    """A reordering of a volume's axes, some of them reversed; no voxel changes.

    Attributes:
        order: which axis of the old array becomes axis 0, 1, 2.
        flipped: axes of the new array that run the other way.
    """

    order: tuple[int, ...]
    flipped: tuple[int, ...]

    def array(self, array: np.ndarray) -> np.ndarray:
        """The turned array, a copy in the usual order of memory."""
        return np.flip(array.transpose(self.order), self.flipped).copy(order="C")

    def grid(self, grid: Grid) -> Grid:
        """Where the turned array's voxels lie."""
        shape = tuple(grid.shape[axis] for axis in self.order)
        columns = grid.steps[:, ::-1][:, self.order]  # in the array's order
        origin = np.array(grid.origin)
        signs = np.ones(3)
        for axis in self.flipped:
            origin = origin + columns[:, axis] * (shape[axis] - 1)
            signs[axis] = -1
        cosines = np.reshape(grid.direction, (3, 3))[:, ::-1][:, self.order] * signs
        return Grid(
            shape,
            tuple(grid.spacing[axis] for axis in self.order),
            tuple(float(value) for value in origin),
            tuple(float(value) for value in cosines[:, ::-1].ravel()),
        )


def _largest_gap(first: Sequence[float], second: Sequence[float]) -> float:
    return max(abs(a - b) for a, b in zip(first, second, strict=True))


def _tell_apart(first: Sequence[float], second: Sequence[float], separator: str) -> tuple[str, str]:
    """Both as text, with as many digits as it takes to see the difference."""
    for digits in (4, 7, 12):
        texts = tuple(separator.join(f"{value + 0.0:.{digits}g}" for value in values) for values in (first, second))
        if texts[0] != texts[1]:
            break
    return texts[0], texts[1]
