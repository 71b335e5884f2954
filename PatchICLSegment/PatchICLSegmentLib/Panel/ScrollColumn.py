"""The part of the panel that scrolls: never narrower than what is in it, and what is opened comes into sight."""

import qt

from .Delay import delayed

_SETTLED_MS = 50


class ScrollColumn:
    """Its height is ignored: the application scrolls a module that asks for more than there is.

    Args: area: a QScrollArea without a horizontal scroll bar; sections: collapsible buttons in it.
    """

    def __init__(self, area, sections):
        self.area = area
        self._opened = None
        self._timer = delayed(self._onLaidOut, _SETTLED_MS)
        self._filter = _LayoutFilter(self.fitWidth)
        area.widget().installEventFilter(self._filter)
        for section in sections:
            section.connect("contentsCollapsed(bool)", lambda collapsed, section=section: self._on(section, collapsed))
        self.fitWidth()

    def stop(self) -> None:
        self._timer.stop()
        self.area.widget().removeEventFilter(self._filter)

    def fitWidth(self) -> None:
        """A QScrollArea may be narrower than its contents; without a horizontal scroll bar they would be cut off."""
        contents = self.area.widget().property("minimumSizeHint").width()
        self.area.setMinimumWidth(contents + self.area.verticalScrollBar().property("sizeHint").width())

    def show(self, section) -> None:
        """Scrolls to a section, once the layout has settled; its top comes first where it is higher than the area."""
        self._opened = section
        self._timer.start()

    def _on(self, section, collapsed: bool) -> None:
        if not collapsed:
            self.show(section)

    def _onLaidOut(self) -> None:
        bar, section = self.area.verticalScrollBar(), self._opened
        bottom = section.y + section.height - self.area.viewport().height
        bar.setValue(min(section.y, max(bar.value, bottom)))


class _LayoutFilter(qt.QObject):
    def __init__(self, changed):
        qt.QObject.__init__(self)
        self.changed = changed

    def eventFilter(self, _watched, event):
        if event.type() == qt.QEvent.LayoutRequest:
            self.changed()
        return False
