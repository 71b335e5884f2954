"""Whole numbers that a caller gives, of any type that is one."""

import operator
from collections.abc import Iterable

from PatchICLLib.errors import InputError


def whole_numbers(values: Iterable[int], what: str) -> list[int]:
    try:
        return [operator.index(value) for value in values]
    except TypeError as error:
        raise InputError(f"{what} must be given as a list of whole numbers, not as {values!r}.") from error
