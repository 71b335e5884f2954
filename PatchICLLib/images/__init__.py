"""Images and label maps: reading and writing with SimpleITK, geometry kept exactly."""

from __future__ import annotations

from PatchICLLib.images.checks import check_can_hold_grid, check_same_grid
from PatchICLLib.images.grid import Grid
from PatchICLLib.images.output_paths import check_image_output, image_output
from PatchICLLib.images.reading import read_label_map, read_scalar_image
from PatchICLLib.images.volume import Volume
from PatchICLLib.images.writing import write_like

__all__ = [
    "Grid",
    "Volume",
    "check_can_hold_grid",
    "check_image_output",
    "check_same_grid",
    "image_output",
    "read_label_map",
    "read_scalar_image",
    "write_like",
]
