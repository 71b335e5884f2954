"""Structures of a library, and which of them is meant by a segment: by its codes, else by its name, never by number."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from PatchICLLib.errors import InputError
from PatchICLLib.segmentations import Segment
from PatchICLLib.segmentations.terminology import Code, Terminology

_LONGEST_NAME = 200  # characters
# what programs call a segment that nobody has named
_DEFAULT_NAME = re.compile(r"((segment|structure|label|region|roi)?[\s_-]*\d*([\s_-]\d+)*|segmentation|background)")
# scheme and value of types that say nothing: tissue, anatomical structure
_UNSPECIFIC = {("SCT", "85756007"), ("SRT", "T-D0050"), ("SCT", "123037004"), ("SRT", "T-D000A")}


@dataclass(frozen=True)
class Structure:
    """A structure.

    Attributes:
        label: its value in masks, above 0.
        name: as people see it.
        terminology: its codes; None where there are none that say what it is.
        color: red, green, blue, 0 to 1; None: no color of its own.
    """

    label: int
    name: str
    terminology: Terminology | None = None
    color: tuple[float, float, float] | None = None

    @classmethod
    def of_segment(cls, segment: Segment) -> Structure:
        """From a segment of a file or a scene; what else is known of it is left behind.

        One that nobody has named is called what its codes mean.
        """
        terminology = Terminology.of_tag(segment.tags.get("TerminologyEntry", ""))
        known = terminology if is_specific(terminology) else None
        name = segment.name
        if known is not None and _DEFAULT_NAME.fullmatch(_plain(name)):
            name = ", ".join(code.meaning for code in (known.kind, known.modifier) if code and code.meaning)
        return cls(segment.label, name, known, segment.color)

    def tidied(self) -> Structure:
        """With a name of one line, and codes that can be told from each other.

        Raises:
            InputError: the name is empty or too long.
        """
        name = " ".join(self.name.split())
        if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
            raise InputError(
                f"Label {self.label} has the name {ascii(name[:40])}, but a structure's name must be 1 to "
                f"{_LONGEST_NAME} printable characters."
            )
        told = self.terminology is not None and is_specific(self.terminology) and is_plain(self.terminology)
        return replace(self, name=name, terminology=self.terminology if told else None)


def has_default_name(structure: Structure) -> bool:
    """Whether the name is one that a program gave: Segment_1. Such a name says nothing of the structure."""
    return _DEFAULT_NAME.fullmatch(_plain(structure.name)) is not None


def is_specific(terminology: Terminology) -> bool:
    """Whether codes say more than "tissue"."""
    return (terminology.kind.scheme, terminology.kind.value) not in _UNSPECIFIC


def is_plain(terminology: Terminology) -> bool:
    """Whether all codes can be written as text and read again."""
    codes = (
        terminology.category, terminology.kind, terminology.region, terminology.modifier, terminology.region_modifier,
    )  # fmt: skip
    return all(code is None or Code.of_text(str(code)) == code and str(code).isprintable() for code in codes)


def match_structures(known: Sequence[Structure], wanted: Sequence[Structure]) -> dict[int, int]:
    """Which known structure is meant by each wanted one.

    The same codes match if they single out one structure on either side. Else the same name matches, capitals and
    outer spaces aside, unless it is a default one, or the codes contradict it (left and right kidneys, both named
    kidney). Numbers say nothing.

    Args:
        known: of a library.
        wanted: of a painting.

    Returns:
        Label of what is wanted -> label of what is known; without those that match nothing. One known structure is
        never given to two.
    """
    found = _single_pairs(known, wanted, _same_codes)
    taken = set(found.values())
    left = [one for one in known if one.label not in taken]
    found |= _single_pairs(left, [one for one in wanted if one.label not in found], _same_name)
    return found


def same_name(one: str, other: str) -> bool:
    """Whether two names are equal, capitals and outer spaces aside."""
    return _plain(one) == _plain(other)


def _single_pairs(
    known: Iterable[Structure], wanted: Iterable[Structure], same: Callable[[Structure, Structure], bool]
) -> dict[int, int]:
    """Pairs of which neither side matches anything else."""
    pairs = [(one.label, other.label) for one in wanted for other in known if same(one, other)]
    mine, theirs = [one for one, _ in pairs], [other for _, other in pairs]
    return {one: other for one, other in pairs if mine.count(one) == 1 and theirs.count(other) == 1}


def _same_codes(one: Structure, other: Structure) -> bool:
    first, second = one.terminology, other.terminology
    if first is None or second is None or not (is_specific(first) and is_specific(second)):
        return False
    sides = zip(_sides(first), _sides(second), strict=True)
    return _equal(first.kind, second.kind) and _compatible(first.region, second.region) and all(
        (a is None) == (b is None) and _compatible(a, b) for a, b in sides
    )  # fmt: skip


def _same_name(one: Structure, other: Structure) -> bool:
    if has_default_name(one) or not same_name(one.name, other.name):
        return False
    first, second = one.terminology, other.terminology
    if first is None or second is None or not (is_specific(first) and is_specific(second)):
        return True
    pairs = [(first.kind, second.kind), (first.region, second.region), *zip(_sides(first), _sides(second), strict=True)]
    return all(_compatible(a, b) for a, b in pairs)


def _sides(terminology: Terminology) -> tuple[Code | None, Code | None]:
    return terminology.modifier, terminology.region_modifier


def _compatible(one: Code | None, other: Code | None) -> bool:
    return one is None or other is None or _equal(one, other)


def _equal(one: Code, other: Code) -> bool:
    return (one.scheme, one.value) == (other.scheme, other.value)  # meanings are translated


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()
