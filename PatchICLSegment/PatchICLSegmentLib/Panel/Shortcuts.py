"""Keys that work while a host of the logic is in sight."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import qt

# None of these is taken by the Segment Editor (digits, Esc, Space, Z, Y, Q, W, I) or by Slicer's menus.
SHORTCUTS = {
    "Ctrl+Return": "propagate",
    "Ctrl+Shift+Return": "apply",
    "Ctrl+Shift+N": "nextSlice",
    "Ctrl+Shift+E": "nextAnswer",
    "Ctrl+Shift+D": "drawAfresh",
    "Ctrl+Shift+X": "notOnSlice",
}


class Shortcuts:
    """Each key has one owner, the host that came or was used last: Qt obeys none of two owners of the same key.

    Args: actions: what to call, by the names in `SHORTCUTS`; keys of other names are left alone.
    """

    _installed: ClassVar[list[Shortcuts]] = []  # the owner comes last

    def __init__(self, actions: Mapping[str, Callable[[], None]]):
        self._actions = actions
        self._shortcuts: dict[str, Any] = {}

    def install(self, parent) -> None:
        """Args: parent: the widget whose focus makes them work."""
        self.remove()
        for keys, name in SHORTCUTS.items():
            if name in self._actions:
                shortcut = qt.QShortcut(qt.QKeySequence(keys), parent)
                shortcut.connect("activated()", self._actions[name])
                self._shortcuts[keys] = shortcut
        self.own()

    def own(self) -> None:
        """This host is used; the keys are its own until another one is, or until it goes."""
        if self._shortcuts:
            self._leave()
            self._installed.append(self)
            self._share()

    def remove(self) -> None:
        self._leave()
        for shortcut in self._shortcuts.values():
            shortcut.setEnabled(False)
            shortcut.setParent(None)
        self._shortcuts = {}
        self._share()

    def _leave(self) -> None:
        if self in self._installed:
            self._installed.remove(self)

    def _share(self) -> None:
        owned: set[str] = set()
        for shortcuts in reversed(self._installed):
            for keys, shortcut in shortcuts._shortcuts.items():
                shortcut.setEnabled(keys not in owned)
            owned |= shortcuts._shortcuts.keys()
