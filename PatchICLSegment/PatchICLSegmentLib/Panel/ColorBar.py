"""The colors of the entropy layer, with words at both ends, as a picture for the panel."""

from __future__ import annotations

import numpy as np
import qt

from ..Overlays.EntropyLayer import COLOR_POINTS
from ..Translation import _
from .Thumbnails import pixmapOf

_WIDTH, _HEIGHT, _TEXT = 220, 12, 16  # pixels


def entropyBar(threshold: float, text, background) -> qt.QPixmap:
    """Args: threshold: bits below which the layer is transparent; text, background: colors (qt.QColor) of the panel."""
    bits = np.linspace(0, 1, _WIDTH)
    where = [point for point, _color in COLOR_POINTS]
    parts = [np.interp(bits, where, [color[part] for _point, color in COLOR_POINTS]) for part in range(3)]
    colors = (np.stack(parts, axis=-1) * 255).astype(np.uint8)
    colors[bits < threshold] = background.red(), background.green(), background.blue()
    bar = pixmapOf(np.repeat(colors[None], _HEIGHT, axis=0))
    picture = qt.QPixmap(_WIDTH, _HEIGHT + _TEXT)
    picture.fill(background)
    painter = qt.QPainter()
    painter.begin(picture)
    painter.drawPixmap(0, 0, bar)
    painter.setPen(text)
    painter.drawRect(0, 0, _WIDTH - 1, _HEIGHT - 1)
    painter.drawText(0, _HEIGHT, _WIDTH, _TEXT, int(qt.Qt.AlignLeft), _("0: certain"))
    painter.drawText(0, _HEIGHT, _WIDTH, _TEXT, int(qt.Qt.AlignRight), _("1 bit: a coin toss"))
    painter.end()
    return picture
