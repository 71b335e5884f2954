"""Scripted effects of the Segment Editor: the base class, what hosts it in C++, and the factory, without Slicer.

After qSlicerSegmentEditorScriptedEffect, qSlicerSegmentEditorAbstractEffect and qSlicerSegmentEditorEffectFactory of
Slicer 5.13. `install` makes them importable by the names that effects use.
"""

import importlib.util
import sys
import types
from pathlib import Path

from . import PythonQt

qt = PythonQt.install()

import slicer  # noqa: E402
from PySide6.QtCore import Signal  # noqa: E402


class AbstractScriptedSegmentEditorEffect:
    """SegmentEditorEffects.AbstractScriptedSegmentEditorEffect."""

    def __init__(self, scriptedEffect):
        self.scriptedEffect = scriptedEffect

    def register(self):
        slicer.qSlicerSegmentEditorEffectFactory.instance().registerEffect(self.scriptedEffect)

    def cleanup(self):
        pass


class ScriptedEffect:
    """qSlicerSegmentEditorScriptedEffect: what an effect written in Python calls `self.scriptedEffect`."""

    def __init__(self, parent=None):
        self.name, self._title = "UnnamedScriptedEffect", ""
        self.perSegment = self.requireSegments = self.showEffectCursorInSliceView = True
        self._effect, self._node, self._widget, self._active = None, None, None, False
        self._frame = qt.QFrame()
        self._frame.setVisible(False)
        form = qt.QFormLayout(self._frame)
        form.setContentsMargins(4, 4, 4, 4)

    title = property(lambda self: self._title or self.name, lambda self, title: setattr(self, "_title", title))

    def setPythonSource(self, path):
        """The class is looked up in the module that is named as the folder; else the file is loaded as that module."""
        moduleName, className = Path(path).parent.name, Path(path).stem
        if not className.endswith("Effect"):
            className += "Effect"
        module = sys.modules.get(moduleName)
        if not hasattr(module, className):
            specification = importlib.util.spec_from_file_location(moduleName, path)
            module = importlib.util.module_from_spec(specification)
            sys.modules[moduleName] = module
            specification.loader.exec_module(module)
        self._effect = getattr(module, className)(self)
        return True

    def self(self):
        return self._effect

    def host(self, widget):
        """The Segment Editor that shows the effect and keeps undo states."""
        self._widget = widget

    # What Slicer calls; the effect may leave methods out

    def clone(self):
        return self._effect.clone()

    def icon(self):
        return self._called("icon") or qt.QIcon()

    def helpText(self):
        return self._called("helpText") or ""

    def setupOptionsFrame(self):
        self._called("setupOptionsFrame")

    def setMRMLDefaults(self):
        self._called("setMRMLDefaults")

    def activate(self):
        self._active = True
        self._frame.setVisible(True)
        self._called("activate")

    def deactivate(self):
        self._active = False
        self._frame.setVisible(False)
        self._called("deactivate")

    def cleanup(self):
        self._called("cleanup")

    def _called(self, name):
        method = getattr(self._effect, name, None)
        return method() if method is not None else None

    # What the effect calls

    def active(self):
        return self._active

    def parameterSetNode(self):
        return self._node

    def setParameterSetNode(self, node):
        self._node = node

    def optionsFrame(self):
        return self._frame

    def addOptionsWidget(self, widget):
        self._frame.layout().addRow(widget)

    def saveStateForUndo(self):
        self._widget.saveStateForUndo()


class EffectFactory(qt.QObject):
    """qSlicerSegmentEditorEffectFactory: the effects of the application. Each Segment Editor works with clones."""

    effectRegistered = Signal(str)
    _instance = None

    def __init__(self):
        super().__init__()
        self._effects = []
        PythonQt.dress(self)

    @classmethod
    def instance(cls):
        if cls._instance is None:
            cls._instance = cls()
        return cls._instance

    def registerEffect(self, effect):
        if effect.name in (known.name for known in self._effects):
            return False
        self._effects.append(effect)
        self.effectRegistered.emit(effect.name)
        return True

    def registeredEffects(self):
        return list(self._effects)

    def copyEffects(self, known):
        """Clones of the effects that are not known yet, by their names."""
        return [effect.clone() for effect in self._effects if effect.name not in known]


def install() -> None:
    """Makes all this importable as in Slicer, with a factory that knows no effect yet."""
    translation = types.ModuleType("slicer.i18n")
    translation.tr = lambda text, context=None: text
    sys.modules.setdefault(translation.__name__, translation)
    effects = types.ModuleType("SegmentEditorEffects")
    effects.AbstractScriptedSegmentEditorEffect = AbstractScriptedSegmentEditorEffect
    wrapped = types.ModuleType("qSlicerSegmentationsEditorEffectsPythonQt")
    wrapped.qSlicerSegmentEditorScriptedEffect = ScriptedEffect
    sys.modules.update({module.__name__: module for module in (effects, wrapped)})
    EffectFactory._instance = None
    slicer.qSlicerSegmentEditorEffectFactory = EffectFactory
