"""Keys that work while a host of the logic is in sight."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import qt

# None of these is taken by the Segment Editor (digits, Esc, Space, Z, Y, Q, W, I) or by Slicer's menus.
SHORTCUTS = {
    "Ctrl+Return": "propagate",
    "Ctrl+Shift+Return": "apply",
    "Ctrl+Shift+N": "nextSlice",
    "Ctrl+Shift+D": "drawAfresh",
    "Ctrl+Shift+X": "notOnSlice",
}


class Shortcuts:
    """Args: actions: what to call, by the names in `SHORTCUTS`; keys of other names are left alone."""

    def __init__(self, actions: Mapping[str, Callable[[], None]]):
        self._actions = actions
        self._shortcuts: list = []

    def install(self, parent) -> None:
        """Args: parent: the widget whose focus makes them work."""
        self.remove()
        for keys, name in SHORTCUTS.items():
            if name in self._actions:
                shortcut = qt.QShortcut(qt.QKeySequence(keys), parent)
                shortcut.connect("activated()", self._actions[name])
                self._shortcuts.append(shortcut)

    def remove(self) -> None:
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.setParent(None)
        self._shortcuts = []
