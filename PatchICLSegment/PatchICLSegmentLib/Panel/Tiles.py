"""Small pictures side by side, with a line of text under each."""

from __future__ import annotations

from collections.abc import Sequence

import qt

from ..InspectionPictures import Tile
from .Thumbnails import pixmapOf

_COLUMNS = 3
_GAP, _TEXT = 6, 16  # pixels


def tilesPixmap(tiles: Sequence[Tile], text, background) -> qt.QPixmap:
    """Args: text, background: colors (qt.QColor) of the panel, so that light and dark styles both fit."""
    pixmaps = [pixmapOf(tile.pixels) for tile in tiles]
    width = max(pixmap.width() for pixmap in pixmaps) + _GAP
    height = max(pixmap.height() for pixmap in pixmaps) + _TEXT + _GAP
    places: list[tuple[int, int]] = []  # row, column
    for tile in tiles:
        row, column = places[-1] if places else (0, -1)
        places.append((row + 1, 0) if places and (tile.startsRow or column == _COLUMNS - 1) else (row, column + 1))
    picture = qt.QPixmap(_COLUMNS * width, (places[-1][0] + 1) * height)
    picture.fill(background)
    painter = qt.QPainter()
    painter.begin(picture)
    painter.setPen(text)
    for (row, column), tile, pixmap in zip(places, tiles, pixmaps, strict=True):
        left, top = column * width, row * height
        painter.drawPixmap(left, top, pixmap)
        painter.drawText(left, top + pixmap.height() + _TEXT - 3, tile.title)
    painter.end()
    return picture
