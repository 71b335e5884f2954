"""What a preview proposes for one segment, looked at part by part."""

from dataclasses import dataclass

import numpy as np

from .SceneIO.Segments import SegmentBox
from .SceneIO.Voxels import Plane, Region, within


@dataclass(frozen=True)
class Proposal:
    """What a preview proposes for a segment.

    Attributes:
        axis: array axis of the slices.
        planes: painted slices when the run began.
        labels: of the segment's layer, in the memory of the preview.
        offset: place (k, j, i) of their first voxel in the volume.
        value: the segment's label.
    """

    axis: int
    planes: set[Plane]
    labels: np.ndarray
    offset: tuple[int, int, int]
    value: int

    def part(self, region: Region) -> np.ndarray:
        """Of a region of the volume, bool; only that is looked at."""
        box = SegmentBox(self.labels.shape, self.offset, self.labels)
        own = within(region, box.region)
        start = tuple(first + part.start for first, part in zip(self.offset, own, strict=True))
        return SegmentBox(self.labels.shape, (start[0], start[1], start[2]), self.labels[own] == self.value).part(
            region
        )
