"""PySide6 dressed as Slicer's PythonQt: a flat `qt` module, properties as attributes, `connect("signal(types)", f)`.

Only what differs for code that reads properties as attributes and writes them by setters: in PythonQt `label.text` is
the text, in PySide6 a method. Values that are not QObjects (QTableWidgetItem, QImage) have methods in both.
"""

from __future__ import annotations

import ctypes
import inspect
import sys
import types

from PySide6 import QtCore, QtGui, QtWidgets

# Virtual getters that Qt calls itself: an attribute of that name on the class would be taken for an override.
_VIRTUAL = {"sizeHint", "minimumSizeHint", "metaObject", "event"}


def install() -> types.ModuleType:
    """Puts the module `qt` into sys.modules and returns it; patches PySide6's classes once."""
    if "qt" in sys.modules:
        return sys.modules["qt"]
    _makeConstantsImmortal()
    module = types.ModuleType("qt", "PySide6 in the shape of PythonQt")
    for source in (QtCore, QtGui, QtWidgets):
        for name, value in inspect.getmembers(source):
            if name.startswith("Q"):
                setattr(module, name, value)
                if inspect.isclass(value) and issubclass(value, QtCore.QObject):
                    _exposeProperties(value)
    for name in ("QTimer", "QShortcut"):
        setattr(module, name, type(name, (getattr(module, name),), {"connect": _connect}))
    sys.modules["qt"] = module
    return module


def application() -> QtWidgets.QApplication:
    running = QtWidgets.QApplication.instance()
    if running is None:
        running = QtWidgets.QApplication(["test", "-platform", "offscreen"])
        running.setStyle("Fusion")
    return running


def _exposeProperties(cls) -> None:
    meta = cls.staticMetaObject
    for number in range(meta.propertyOffset(), meta.propertyCount()):
        name = meta.property(number).name()
        if name in _VIRTUAL:
            continue
        original = inspect.getattr_static(cls, name, None)
        if isinstance(original, property):
            continue
        setattr(cls, name, _attribute(name))


def _attribute(name: str) -> property:
    def read(self):
        return QtCore.QObject.property(self, name)

    def write(self, value):
        QtCore.QObject.setProperty(self, name, value)

    return property(read, write)


def _makeConstantsImmortal() -> None:
    """PySide6 6.12 gives back a reference to None, True or False with every call that returns it, as if they were
    immortal. They are from Python 3.12 on; before, some ten thousand calls would end the process."""
    if sys.version_info < (3, 12):
        for constant in (None, True, False):
            ctypes.c_ssize_t.from_address(id(constant)).value += 1 << 40


def dress(item: QtCore.QObject) -> QtCore.QObject:
    """Gives an object PythonQt's `connect`. PySide6 prefers its own to one of the class: hence each object."""
    item.connect = types.MethodType(_connect, item)
    return item


def _connect(self, signature: str, receiver) -> None:
    """PythonQt's connect: the receiver gets as many arguments as the signature names."""
    name, _, types_ = signature.partition("(")
    count = len([entry for entry in types_.rstrip(")").split(",") if entry])
    getattr(self, name).connect(lambda *arguments: receiver(*arguments[:count]))
