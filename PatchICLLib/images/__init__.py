"""Images and label maps: reading and writing with SimpleITK, geometry kept exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PatchICLLib.images.checks import check_can_hold_grid
from PatchICLLib.images.grid import Grid
from PatchICLLib.images.output_paths import check_image_output, image_output
from PatchICLLib.images.volume import Volume

if TYPE_CHECKING:
    from PatchICLLib.images.reading import read_label_map, read_scalar_image
    from PatchICLLib.images.writing import write_like

__all__ = [
    "Grid",
    "Volume",
    "check_can_hold_grid",
    "check_image_output",
    "image_output",
    "read_label_map",
    "read_scalar_image",
    "write_like",
]

_HOMES = {"read_label_map": "reading", "read_scalar_image": "reading", "write_like": "writing"}


def __getattr__(name: str) -> Any:
    # on demand, because SimpleITK takes long to import and a panel should open at once
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
