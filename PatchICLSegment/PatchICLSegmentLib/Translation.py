"""`_()` for every visible string, also where Slicer's translation machinery is absent (slicer-core).

What it returns knows what of it may be told to others, see `Sentence`.
"""

from __future__ import annotations

import string
import sys
from numbers import Number

try:
    from slicer.i18n import getContext, translate
except ImportError:

    def getContext(sourceFile: str) -> str:
        return ""

    def translate(context: str, text: str) -> str:
        return text


class Sentence(str):
    """A string to show, with the same in English and without names: what `format` fills in is left out of that, other
    than numbers and what is a Sentence itself.

    Attributes:
        told: for a bug report.
    """

    told: str

    def __new__(cls, shown: str, told: str = "") -> Sentence:
        self = super().__new__(cls, shown)
        self.told = told
        return self

    def __str__(self) -> str:  # str() of an error made of it is one as well
        return self

    def format(self, **values) -> Sentence:
        told = {name: _toldValue(name, value) for name, value in values.items()}
        return Sentence(super().format(**values), self.told.format(**told))

    def rstrip(self, characters: str | None = None) -> Sentence:
        return Sentence(super().rstrip(characters), self.told.rstrip(characters))


def ofLibrary(text: str) -> Sentence:
    """A sentence of PatchICLLib, which knows arrays and paths, but not what the nodes of a scene are called."""
    return Sentence(text, text)


def toldOf(text: str) -> str:
    """What of a text for the user may be told to others: nothing of one that may hold names anywhere."""
    return text.told if isinstance(text, Sentence) else "<a sentence that may hold names>"


def _(text: str) -> Sentence:
    """The sentence in the language of the application. The context of the translation is the calling file."""
    translated = translate(getContext(sys._getframe(1).f_code.co_filename), text)
    if _placeholders(translated) != _placeholders(text):  # a mistake of the translation
        translated = text
    return Sentence(translated, text)


def counted(count: int, one: str, many: str) -> str:
    """The translated sentence that fits a number: `one` for 1, else `many`."""
    return one if count == 1 else many


class _Hidden:
    """Formatted in any way, it is the name of its placeholder."""

    def __init__(self, name: str):
        self._name = name

    def __str__(self) -> str:
        return f"<{self._name}>"

    __repr__ = __str__

    def __format__(self, _specification: str) -> str:
        return str(self)


def _toldValue(name: str, value):
    if isinstance(value, Sentence):
        return value.told
    return value if isinstance(value, Number) else _Hidden(name)


def _placeholders(text: str) -> set[str]:
    return {name for _before, name, _specification, _conversion in string.Formatter().parse(text) if name is not None}


__all__ = ["Sentence", "_", "counted", "ofLibrary", "toldOf"]
