"""A box that the result is confined to; what the network sees is not.

Slices beyond the box are not predicted, so that its first and last slice are averaged without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from PatchICLLib.errors import InputError
from PatchICLLib.propagation.geometry.axis import AXIS_NAMES
from PatchICLLib.propagation.geometry.gaps import Gap
from PatchICLLib.propagation.geometry.orientation import Orientation

Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]  # first and last voxel along k, j and i


@dataclass(frozen=True)
class RegionLimit:
    """Attributes: box: slices, rows and columns as the engine sees the volume."""

    box: tuple[slice, slice, slice]

    @classmethod
    def of(cls, region: Box, orientation: Orientation) -> RegionLimit:
        """Of first and last voxels along the stored axes.

        Raises:
            InputError: the region lies beyond the volume.
        """
        for axis, span, count in zip(AXIS_NAMES, region, orientation.shape, strict=True):
            if span[0] >= count:
                raise InputError(
                    f"The region begins at {axis} = {span[0]}, beyond the volume, whose {axis} goes from 0 to "
                    f"{count - 1}."
                )
        spans = [
            slice(int(first), min(int(last) + 1, count))
            for (first, last), count in zip(region, orientation.shape, strict=True)
        ]
        return cls(orientation.seen_box((spans[0], spans[1], spans[2])))

    def stored(self, orientation: Orientation) -> list[list[int]]:
        """First and last voxels along the stored axes, within the volume."""
        return [[span.start, span.stop - 1] for span in orientation.stored_box(self.box)]

    def limited(self, gaps: Sequence[Gap]) -> list[Gap]:
        """The gaps without the slices beyond the box."""
        wanted = range(self.box[0].start, self.box[0].stop)
        inside = (replace(gap, slices=tuple(z for z in gap.slices if z in wanted)) for gap in gaps)
        return [gap for gap in inside if gap.slices]
