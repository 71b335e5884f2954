"""One row of small pictures of the painted slices, always in sight."""

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
    """A painted slice: its axis and index, a QPixmap of it, a word or two below, a tooltip; pale: it is no context."""

    plane: tuple[int, int]
    picture: Any
    text: str
    toolTip: str
    isPale: bool = False


class ThumbnailStrip:
    """Args: widget: a QListWidget in icon mode; jump: called with axis and index of a slice that is clicked."""

    def __init__(self, widget, jump: Callable[[int, int], None]):
        self.widget = widget
        self._planes: list[tuple[int, int]] = []
        widget.setIconSize(qt.QSize(SIZE, SIZE))
        text = widget.fontMetrics().boundingRect(_WIDEST)
        self._cell = qt.QSize(max(SIZE, text.width()) + 2 * _PADDING, SIZE + text.height() + 2 * _PADDING)
        widget.setGridSize(self._cell)
        bar = widget.horizontalScrollBar().property("sizeHint").height()
        widget.setFixedHeight(self._cell.height() + bar + 2 * widget.frameWidth)
        for signal in ("itemClicked(QListWidgetItem*)", "itemActivated(QListWidgetItem*)"):
            widget.connect(signal, lambda item: jump(*self._planes[widget.row(item)]))

    def fill(self, entries: Sequence[Entry]) -> None:
        self.widget.clear()
        self._planes = [entry.plane for entry in entries]
        for entry in entries:
            item = qt.QListWidgetItem(entry.text)
            item.setIcon(_icon(_pale(entry.picture) if entry.isPale else entry.picture))
            item.setToolTip(entry.toolTip)
            item.setSizeHint(self._cell)
            self.widget.addItem(item)

    def mark(self, planes: Sequence[tuple[int, int]]) -> None:
        """Marks the first of the slices that the views show that is one of them."""
        rows = [self._planes.index(plane) for plane in planes if plane in self._planes]
        self.widget.setCurrentRow(rows[0] if rows else -1)


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
