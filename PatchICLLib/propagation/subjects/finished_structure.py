"""A structure that is finished in another subject, turned the way this subject is looked at."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy import ndimage

from PatchICLLib.propagation.geometry.orientation import Orientation
from PatchICLLib.propagation.geometry.sliced_volume import bounding_box
from PatchICLLib.propagation.subjects.outlines_of_slices import SliceOutlines

_LARGE = 0.25  # of the largest part


@dataclass(frozen=True, eq=False)
class FinishedStructure:
    """A structure of one subject, complete, with what lies around it.

    Attributes:
        image: (Z, H, W) real numbers.
        mask: (Z, H, W) bool, not empty.
        spacing: distance of slices, rows and columns in mm.
        case: its number in the library.
        orientation: from the case's stored arrays to these; None where these are stored so.
        worked_out: what took work to find out about it and does not depend on who is segmented, by whoever did; kept
            with it for the next one.
    """

    image: np.ndarray
    mask: np.ndarray
    spacing: tuple[float, float, float]
    case: int = 0
    orientation: Orientation | None = None
    worked_out: dict[Any, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def turned(
        cls,
        image: np.ndarray,
        mask: np.ndarray,
        spacing: tuple[float, float, float],
        orientation: Orientation,
        case: int,
    ) -> FinishedStructure:
        """Of stored arrays (K, J, I) and their spacing, looked at in an orientation."""
        slices, rows, columns = orientation.axes
        seen = spacing[slices], spacing[rows], spacing[columns]
        return cls(orientation.view(image), np.ascontiguousarray(orientation.view(mask)), seen, case, orientation)

    def stored_slices(self, indices: Sequence[int]) -> tuple[int, list[int]]:
        """Stored axis and stored numbers, ascending, of some slices."""
        if self.orientation is None:
            return 0, sorted(indices)
        return self.orientation.axes[0], sorted(self.orientation.slice_index(z) for z in indices)

    @cached_property
    def box(self) -> tuple[slice, slice, slice]:
        """Slices, rows and columns that hold it."""
        return bounding_box(self.mask)

    @cached_property
    def outlines(self) -> SliceOutlines:
        """Of all slices that hold it."""
        return SliceOutlines.of(self.image, self.mask, range(len(self.mask)), self.spacing[1:])

    @cached_property
    def corners(self) -> np.ndarray:
        """(2, 3) mm, first and last corner of its box, from the center of the first voxel."""
        return np.array([[s.start - 0.5 for s in self.box], [s.stop - 0.5 for s in self.box]]) * self.spacing

    @cached_property
    def center(self) -> np.ndarray:
        """(3,) mm, mean of its voxels."""
        return np.mean(np.nonzero(self.mask), axis=1) * self.spacing

    @cached_property
    def parts(self) -> int:
        """How many large ones it has that do not touch, such as those of a pair."""
        sizes = np.bincount(ndimage.label(self.mask[self.box])[0].ravel())[1:]
        return int((sizes >= _LARGE * sizes.max()).sum())

    @property
    def volume(self) -> float:
        """In cubic mm."""
        return float(np.count_nonzero(self.mask) * np.prod(self.spacing))

    @property
    def longest(self) -> float:
        """Longest side of its box in mm."""
        return float(np.diff(self.corners, axis=0).max())


def turned_alike(
    shape: tuple[int, int, int], direction: np.ndarray | None, like: Orientation, like_direction: np.ndarray | None
) -> Orientation:
    """How another subject's arrays are looked at so that anatomy runs the same way.

    Args:
        shape: (K, J, I) of the other subject's arrays.
        direction: (3, 3) of the other subject as ITK has it: column c is the direction of axis c of (i, j, k).
        like: how this subject's arrays are looked at.
        like_direction: of this subject; where either is unknown, array axes are taken for the same directions.
    """
    if direction is None or like_direction is None:
        return Orientation(like.axes, like.mirrored, shape)
    # columns in the order of array axes (k, j, i)
    own, other = np.asarray(like_direction)[:, ::-1], np.asarray(direction)[:, ::-1]
    seen = own[:, list(like.axes)] * np.where(like.mirrored, -1, 1)
    alike = seen.T @ other  # cosine between what is seen along an axis here and each array axis there
    axes = max(itertools.permutations(range(3)), key=lambda order: sum(abs(alike[n, a]) for n, a in enumerate(order)))
    first, second, third = (bool(alike[n, a] < 0) for n, a in enumerate(axes))
    return Orientation((axes[0], axes[1], axes[2]), (first, second, third), shape)
