"""Pictures of what the cascade did on a slice, as RGB pixels: patches, the context they drew on, logits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import vtk
from vtk.util import numpy_support

from .Overlays.LogitsLayer import COLOR_POINTS, LIMIT
from .Overlays.PatchOutlines import drawBoxes, levelColor
from .Translation import _

_PICTURE_SIZE = 480  # pixels of the longer side of a picture to export
_TILE_SIZE = 108  # and of a tile in the panel
_MARGIN = 6
_OUTLINE = (90, 220, 130)


@dataclass(frozen=True)
class Tile:
    """A small picture, RGB (rows, columns, 3) with the first row on top, and what it shows.

    Attributes: startsRow: belongs to something else than the tile before.
    """

    title: str
    pixels: np.ndarray
    startsRow: bool = False


@dataclass(frozen=True)
class InspectedSlice:
    """What a picture is made from.

    Attributes:
        volume: (K, J, I) intensities.
        maskOf: index of a slice -> bool (rows, columns), what the result holds there.
        axis: of the slices.
        selection: `SliceSelections` of the slice.
        grid: `VolumeGrid` of the volume.
        logits: `SliceLogits` of the slice, or None.
    """

    volume: np.ndarray
    maskOf: Callable[[int], np.ndarray]
    axis: int
    selection: object
    grid: object
    logits: object = None

    @property
    def spacing(self) -> tuple[float, float]:
        """mm per row and per column."""
        rows, columns = (step for other, step in enumerate(self.grid.spacing) if other != self.axis)
        return rows, columns

    @property
    def contextSlices(self) -> list[int]:
        return sorted({box.slice_index for level in self.selection.levels for box in level.context_patches})

    def shares(self, number: int) -> np.ndarray | None:
        """How much a level drew on each of its context patches; None before it was asked for."""
        if self.logits is None or number >= len(self.logits.levels):
            return None
        return self.logits.levels[number].shares

    def plane(self, index: int) -> np.ndarray:
        return np.take(self.volume, index, axis=self.axis)

    def window(self) -> tuple[float, float]:
        low, high = np.percentile(self.plane(self.selection.slice_index), (0.5, 99.5))
        return float(low), float(high)


def slicePicture(
    plane: np.ndarray, mask: np.ndarray, boxes, color, window, spacing, dashed=(), size=_PICTURE_SIZE
) -> np.ndarray:
    """One slice as RGB: gray values, the outline of a mask, and boxes on top.

    Args:
        plane: (rows, columns) intensities; mask: bool, same shape.
        boxes, dashed: drawn with solid and with dashed outlines.
        window: intensities shown black and white; spacing: mm per row and per column.
        size: pixels of the longer side of the picture.
    """
    low, high = window
    gray = np.clip((plane.astype(np.float32) - low) / max(high - low, 1e-6), 0, 1)
    (rows, columns), (height, width) = plane.shape, pictureShape(plane.shape, spacing, size)
    index = np.ix_(np.arange(height) * rows // height, np.arange(width) * columns // width)
    picture = np.repeat((gray[index] * 255).astype(np.uint8)[..., None], 3, axis=2)
    inside = mask[index]
    border = inside & ~(np.roll(inside, 1, 0) & np.roll(inside, -1, 0) & np.roll(inside, 1, 1) & np.roll(inside, -1, 1))
    picture[border] = _OUTLINE
    lines = np.zeros((height, width), np.uint8)
    drawBoxes(lines, dashed, (height / rows, width / columns), dashed=True)
    drawBoxes(lines, boxes, (height / rows, width / columns), dashed=False)
    picture[lines > 0] = [round(255 * part) for part in color]
    return picture


def pictureShape(shape, spacing, size: int) -> tuple[int, int]:
    """Pixels of a picture of so many voxels, true to scale."""
    longest = max(count * step for count, step in zip(shape, spacing, strict=True))
    height, width = (max(1, round(size * count * step / longest)) for count, step in zip(shape, spacing, strict=True))
    return height, width


def selectionPicture(inspected: InspectedSlice) -> np.ndarray:
    """A row of pictures per level: the slice with its patches, then the context slices with theirs, then logits."""
    order = inspected.grid.displayOrder(inspected.axis)
    whole = tuple(slice(0, count) for other, count in enumerate(inspected.volume.shape) if other != inspected.axis)
    rows = []
    for number in range(len(inspected.selection.levels)):
        tiles = _patchTiles(inspected, number, whole, _PICTURE_SIZE)
        tiles += _logitsTiles(inspected, number, whole, _PICTURE_SIZE)
        rows.append(_joined([tile.pixels[order] for tile in tiles], axis=1))
    return _joined(rows, axis=0)


def levelTiles(inspected: InspectedSlice, number: int, size: int = _TILE_SIZE) -> list[Tile]:
    """Tiles of one level, cropped to what the network saw: the slice, its context, logits before, after and change."""
    order = inspected.grid.displayOrder(inspected.axis)
    crop = _fieldOfView(inspected)
    tiles = _patchTiles(inspected, number, crop, size) + _logitsTiles(inspected, number, crop, size)
    return [replace(tile, pixels=tile.pixels[order]) for tile in tiles]


def logitsPicture(values: np.ndarray, logits, crop, shape: tuple[int, int], limit: float = LIMIT) -> np.ndarray:
    """Logits (S, S) of one level as colors, over the part `crop` of the slice; black where the network did not look."""
    places = []
    for span, count, corner, extent in zip(crop, shape, logits.corner, logits.size, strict=True):
        voxels = span.start - 0.5 + (np.arange(count) + 0.5) * (span.stop - span.start) / count
        places.append(np.floor((voxels - corner) / extent * len(values)).astype(int))
    seen = [(place >= 0) & (place < len(values)) for place in places]
    inside = np.ix_(*(place.clip(0, len(values) - 1) for place in places))
    shares = np.clip(values[inside] / limit, -1, 1)
    where = [point for point, _color in COLOR_POINTS]
    colors = [np.interp(shares, where, [color[part] for _point, color in COLOR_POINTS]) for part in range(3)]
    picture = (np.stack(colors, axis=-1) * 255).astype(np.uint8)
    picture[~(seen[0][:, None] & seen[1][None, :])] = 0
    return picture


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


def _patchTiles(inspected: InspectedSlice, number: int, crop, size: int) -> list[Tile]:
    """The slice, and the painted slices: with solid outlines what the mask was mostly read from, once that is known."""
    level, window = inspected.selection.levels[number], inspected.window()
    shares = inspected.shares(number)

    def picture(index: int, boxes, dashed=()):
        return slicePicture(
            inspected.plane(index)[crop],
            inspected.maskOf(index)[crop],
            [_shifted(box, crop) for box in boxes],
            levelColor(number),
            window,
            inspected.spacing,
            [_shifted(box, crop) for box in dashed],
            size,
        )

    current = inspected.selection.slice_index
    tiles = [Tile(_("slice {index}").format(index=current), picture(current, level.patches))]
    for index in inspected.contextSlices:
        places = [place for place, box in enumerate(level.context_patches) if box.slice_index == index]
        strong = [place for place in places if shares is not None and shares[place] >= 1 / len(shares)]
        boxes = [level.context_patches[place] for place in strong]
        dashed = [level.context_patches[place] for place in places if place not in strong]
        if shares is None:
            title = _("drew on {index}").format(index=index)
        else:
            title = _("{index}: {percent:.0f} %").format(index=index, percent=100 * sum(shares[p] for p in places))
        tiles.append(Tile(title, picture(index, boxes, dashed)))
    return tiles


def _logitsTiles(inspected: InspectedSlice, number: int, crop, size: int) -> list[Tile]:
    logits = inspected.logits
    if logits is None or number >= len(logits.levels):
        return []
    level = logits.levels[number]
    shape = pictureShape([span.stop - span.start for span in crop], inspected.spacing, size)
    change = level.after - level.before
    largest = max(float(np.abs(change).max()), 0.1)
    pictures = (
        (_("logits before"), level.before, LIMIT),
        (_("after"), level.after, LIMIT),
        (_("change, to {largest:.1f}").format(largest=largest), change, largest),
    )
    return [
        Tile(title, logitsPicture(values, logits, crop, shape, limit), startsRow=number == 0)
        for number, (title, values, limit) in enumerate(pictures)
    ]


def _fieldOfView(inspected: InspectedSlice) -> tuple[slice, slice]:
    """Rows and columns around all patches of the coarsest level."""
    level = inspected.selection.levels[0]
    boxes = [*level.patches, *level.context_patches]
    spans = []
    for axis, count in enumerate(inspected.plane(inspected.selection.slice_index).shape):
        first = int(np.floor(min(box.corner[axis] for box in boxes) + 0.5))
        last = int(np.ceil(max(box.corner[axis] + box.size[axis] for box in boxes) + 0.5))
        spans.append(slice(min(max(first, 0), count - 1), min(max(last, 1), count)))
    return spans[0], spans[1]


def _shifted(box, crop):
    """A box as it lies in a cropped slice."""
    row, column = (corner - span.start for corner, span in zip(box.corner, crop, strict=True))
    return replace(box, corner=(row, column))


def _joined(tiles: Sequence[np.ndarray], axis: int) -> np.ndarray:
    other = 1 - axis
    largest = max(tile.shape[other] for tile in tiles)
    padded = []
    for tile in tiles:
        padding = [(0, 0), (0, 0), (0, 0)]
        padding[other] = (0, largest - tile.shape[other])
        padding[axis] = (0, _MARGIN)
        padded.append(np.pad(tile, padding))
    return np.concatenate(padded, axis=axis)
