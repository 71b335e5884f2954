"""Where a structure lies in a scan and how large it is: by their frames, structures of several subjects are laid over
each other. A finished structure has a frame of its own, whoever is segmented, so what is seen of it is encoded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from PatchICLLib.propagation.geometry.region import GROWTH, MINIMUM_PIXELS, Region
from PatchICLLib.propagation.subjects.finished_structure import FinishedStructure
from PatchICLLib.propagation.subjects.placement import Placement


@dataclass(frozen=True, eq=False)
class Frame:
    """The box of a structure, in mm from the center of the first voxel.

    Attributes:
        box: (2, 3) first and last corner along slices, rows and columns.
        side: of the square that is seen of each slice.
    """

    box: np.ndarray
    side: float

    @classmethod
    def of(cls, box: np.ndarray, spacing: Sequence[float]) -> Frame:
        """That of a box, whose voxels have a spacing along slices, rows and columns."""
        return cls(box, max(float((box[1] - box[0])[1:].max()) * GROWTH, MINIMUM_PIXELS * min(spacing[1:])))

    @classmethod
    def own(cls, structure: FinishedStructure) -> Frame:
        """That of a finished structure."""
        return cls.of(structure.corners, structure.spacing)

    @classmethod
    def placed(
        cls,
        structures: Sequence[FinishedStructure],
        placements: Sequence[Placement],
        spacing: Sequence[float],
        painted: np.ndarray | None = None,
    ) -> Frame:
        """That which placed structures suggest, and all that is painted lies in.

        Args:
            structures: at least one.
            placements: of each, here.
            spacing: here.
            painted: (2, 3) mm, corners of what is painted here; None if nothing is.
        """
        box = np.median([p.of(s.corners) for s, p in zip(structures, placements, strict=True)], axis=0)
        if painted is not None:
            box[0, 1:], box[1, 1:] = np.minimum(box[0], painted[0])[1:], np.maximum(box[1], painted[1])[1:]
        return cls.of(box, spacing)

    @property
    def length(self) -> float:
        """Along slices, in mm."""
        return float(self.box[1, 0] - self.box[0, 0])

    def region(self, spacing: tuple[float, float]) -> Region:
        """What is seen of slices whose rows and columns have a spacing."""
        row, column = self.box[:, 1:].mean(0) / spacing
        return Region((float(row), float(column)), self.side, spacing)

    def places(self, indices: Sequence[int], step: float) -> np.ndarray:
        """Places along the slicing axis of slices that are a step apart: from the middle, in units of the side."""
        return np.asarray((np.asarray(indices) * step - self.box[:, 0].mean()) / self.side)

    def slices(self, step: float, depth: int, margin: float) -> range:
        """Those of a scan between the ends, and within a margin in mm beyond; at least one."""
        first, last = (self.box[:, 0] + (-margin, margin)) / step
        start = min(max(0, int(np.ceil(first))), depth - 1)
        return range(start, max(start + 1, min(depth, int(np.floor(last)) + 1)))
