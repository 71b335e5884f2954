"""One row of small pictures of the painted slices, always in sight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import qt

from .Thumbnails import SIZE

_PALE = 0.35
_PADDING = 4  # pixels around a picture
_WIDEST = "R 888.8"  # text below a picture


@dataclass(frozen=True)
class Entry:
    """A painted slice: its index, a QPixmap of it, a word or two below, a tooltip; pale: it serves not as context."""

    index: int
    picture: Any
    text: str
    toolTip: str
    isPale: bool = False


class ThumbnailStrip:
    """Args: widget: a QListWidget in icon mode; jump: called with the index of a slice that is clicked."""

    def __init__(self, widget, jump: Callable[[int], None]):
        self.widget = widget
        self._indices: list[int] = []
        widget.setIconSize(qt.QSize(SIZE, SIZE))
        text = widget.fontMetrics().boundingRect(_WIDEST)
        self._cell = qt.QSize(max(SIZE, text.width()) + 2 * _PADDING, SIZE + text.height() + 2 * _PADDING)
        widget.setGridSize(self._cell)
        bar = widget.horizontalScrollBar().property("sizeHint").height()
        widget.setFixedHeight(self._cell.height() + bar + 2 * widget.frameWidth)
        for signal in ("itemClicked(QListWidgetItem*)", "itemActivated(QListWidgetItem*)"):
            widget.connect(signal, lambda item: jump(self._indices[widget.row(item)]))

    def fill(self, entries: Sequence[Entry]) -> None:
        self.widget.clear()
        self._indices = [entry.index for entry in entries]
        for entry in entries:
            item = qt.QListWidgetItem(entry.text)
            item.setIcon(_icon(_pale(entry.picture) if entry.isPale else entry.picture))
            item.setToolTip(entry.toolTip)
            item.setSizeHint(self._cell)
            self.widget.addItem(item)

    def mark(self, index: int | None) -> None:
        """Marks the slice that the views show, if it is one of them."""
        row = self._indices.index(index) if index in self._indices else -1
        self.widget.setCurrentRow(row)


def _icon(picture):
    """Not tinted where the item is marked."""
    icon = qt.QIcon(picture)
    icon.addPixmap(picture, qt.QIcon.Selected)
    return icon


def _pale(picture):
    pale = qt.QPixmap(picture.size())
    pale.fill(qt.QColor(0, 0, 0, 0))
    painter = qt.QPainter()
    painter.begin(pale)
    painter.setOpacity(_PALE)
    painter.drawPixmap(0, 0, picture)
    painter.end()
    return pale
