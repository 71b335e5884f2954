"""What the cascade looked at: a table per slice, and the export as JSON and pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import vtk
from vtk.util import numpy_support

from .Overlays.PatchOutlines import drawBoxes, levelColor
from .Translation import _

_PICTURE_SIZE = 480  # pixels of the longer side of a tile
_MARGIN = 6


def levelTable(selection) -> dict[str, list]:
    """Columns of the table of levels for one slice."""
    levels = selection.levels
    return {
        _("Level"): [number for number, _level in enumerate(levels, start=1)],
        _("Resolution"): [int(level.resolution) for level in levels],
        _("Patches"): [len(level.patches) for level in levels],
        _("Context"): [len(level.context_patches) for level in levels],
        _("Covered"): [float(level.coverage) for level in levels],
        _("Entropy"): [float(level.mean_entropy) for level in levels],
    }


def slicePicture(
    plane: np.ndarray, mask: np.ndarray, boxes, color, window, spacing, dashed=False, size=_PICTURE_SIZE
) -> np.ndarray:
    """One slice as RGB: gray values, the outline of a mask, and boxes on top.

    Args:
        plane: (rows, columns) intensities; mask: bool, same shape.
        window: intensities shown black and white; spacing: mm per row and per column.
        size: pixels of the longer side of the picture.
    """
    low, high = window
    gray = np.clip((plane.astype(np.float32) - low) / max(high - low, 1e-6), 0, 1)
    rows, columns = plane.shape
    longest = max(rows * spacing[0], columns * spacing[1])
    height, width = (
        max(1, round(size * count * step / longest)) for count, step in zip(plane.shape, spacing, strict=True)
    )
    index = np.ix_(np.arange(height) * rows // height, np.arange(width) * columns // width)
    picture = np.repeat((gray[index] * 255).astype(np.uint8)[..., None], 3, axis=2)
    inside = mask[index]
    border = inside & ~(np.roll(inside, 1, 0) & np.roll(inside, -1, 0) & np.roll(inside, 1, 1) & np.roll(inside, -1, 1))
    picture[border] = (90, 220, 130)
    lines = np.zeros((height, width), np.uint8)
    drawBoxes(lines, boxes, (height / rows, width / columns), dashed)
    picture[lines > 0] = [round(255 * part) for part in color]
    return picture


def selectionPicture(volume: np.ndarray, labels: np.ndarray, axis: int, selection, grid) -> np.ndarray:
    """A row of pictures per level: the slice with its patches, then the context slices with theirs."""
    context = sorted({box.slice_index for level in selection.levels for box in level.context_patches})
    inPlane = tuple(step for other, step in enumerate(grid.spacing) if other != axis)
    order = grid.displayOrder(axis)
    target = np.take(volume, selection.slice_index, axis=axis)
    window = np.percentile(target, (0.5, 99.5))
    rows = []
    for number, level in enumerate(selection.levels):
        tiles = []
        for index in [selection.slice_index, *context]:
            isTarget = not tiles
            boxes = level.patches if isTarget else [box for box in level.context_patches if box.slice_index == index]
            tiles.append(
                slicePicture(
                    np.take(volume, index, axis=axis),
                    np.take(labels, index, axis=axis) > 0,
                    boxes,
                    levelColor(number),
                    window,
                    inPlane,
                    dashed=not isTarget,
                )[order]
            )
        rows.append(_joined(tiles, axis=1))
    return _joined(rows, axis=0)


def writePicture(path: str | Path, picture: np.ndarray) -> None:
    """Writes RGB pixels, (rows, columns, 3), first row on top, as PNG."""
    rows, columns, _channels = picture.shape
    image = vtk.vtkImageData()
    image.SetDimensions(columns, rows, 1)
    scalars = numpy_support.numpy_to_vtk(np.ascontiguousarray(picture[::-1]).reshape(-1, 3), deep=True)
    image.GetPointData().SetScalars(scalars)
    writer = vtk.vtkPNGWriter()
    writer.SetFileName(str(path))
    writer.SetInputData(image)
    writer.Write()
    if writer.GetErrorCode():
        raise OSError(f"The picture {path} could not be written.")


def export(folder: str | Path, run: Mapping[str, Any], selections: Sequence[Any], picture) -> list[Path]:
    """Writes the report and all selections as JSON and, if given, the picture of the current slice as PNG."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "patchicl_report.json", folder / "patchicl_selections.json"]
    for path, content in zip(written, (run, [entry.to_json() for entry in selections]), strict=True):
        path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    if picture is not None:
        written.append(folder / "patchicl_patches.png")
        writePicture(written[-1], picture)
    return written


def _joined(tiles: list[np.ndarray], axis: int) -> np.ndarray:
    other = 1 - axis
    largest = max(tile.shape[other] for tile in tiles)
    padded = []
    for tile in tiles:
        padding = [(0, 0), (0, 0), (0, 0)]
        padding[other] = (0, largest - tile.shape[other])
        padding[axis] = (0, _MARGIN)
        padded.append(np.pad(tile, padding))
    return np.concatenate(padded, axis=axis)
