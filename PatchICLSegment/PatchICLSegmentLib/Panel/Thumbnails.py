"""Small pictures of painted slices for the table."""

from __future__ import annotations

import numpy as np
import qt
import vtk
from vtk.util import numpy_support

from ..InspectionPictures import slicePicture
from ..SceneIO.PaintedSlices import PaintedSlice
from ..SceneIO.Segments import SegmentBox

SIZE = 48  # pixels
_OUTLINE = (0.35, 0.86, 0.51)


def thumbnail(volume: np.ndarray, box: SegmentBox, row: PaintedSlice, grid, window) -> qt.QPixmap:
    """A painted slice around its drawing, with the outline of the drawing."""
    axis = row.axis
    mask = box.plane(axis, row.index)
    plane = np.take(volume, row.index, axis=axis)
    inPlane = tuple(step for other, step in enumerate(grid.spacing) if other != axis)
    region = _around(mask)
    pixels = slicePicture(plane[region], mask[region], (), _OUTLINE, window, inPlane, size=SIZE)
    return pixmapOf(pixels[grid.displayOrder(axis)])


def pixmapOf(pixels: np.ndarray) -> qt.QPixmap:
    """RGB pixels, (rows, columns, 3), as a pixmap. By way of PNG in memory, which every Qt binding understands."""
    rows, columns, _channels = pixels.shape
    image = vtk.vtkImageData()
    image.SetDimensions(columns, rows, 1)
    image.GetPointData().SetScalars(
        numpy_support.numpy_to_vtk(np.ascontiguousarray(pixels[::-1]).reshape(-1, 3), deep=True)
    )
    writer = vtk.vtkPNGWriter()
    writer.WriteToMemoryOn()
    writer.SetInputData(image)
    writer.Write()
    pixmap = qt.QPixmap()
    pixmap.loadFromData(qt.QByteArray(numpy_support.vtk_to_numpy(writer.GetResult()).tobytes()))
    return pixmap


def _around(mask: np.ndarray) -> tuple[slice, slice]:
    """A square somewhat larger than the drawing; the whole slice where nothing is drawn."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return slice(None), slice(None)
    half = int(0.75 * max(rows[-1] - rows[0], columns[-1] - columns[0])) + 6
    middle = (rows[0] + rows[-1]) // 2, (columns[0] + columns[-1]) // 2
    return tuple(slice(max(0, center - half), center + half) for center in middle)
