"""Logits of levels on their way to the client: one shared array of numbers, and a description of what lies in it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from PatchICLLib.propagation.result.slice_logits import LevelLogits, SliceLogits

_LARGEST_INPUT = 1024  # pixels a side of the finest level that there is room for
# Levels that halve their side add up to at most 4/3 of the finest; two arrays a level. Unused pages take no memory.
NUMBERS_PER_SLICE = 2 * 4 * _LARGEST_INPUT**2 // 3


def pack_logits(logits: Sequence[SliceLogits], target: np.ndarray) -> list[Any]:
    """Copy all arrays into ``target``, one after another.

    Returns:
        Plain JSON from which ``unpack_logits`` finds them.

    Raises:
        TypeError: they do not fit.
    """
    described, used = [], 0
    for one in logits:
        levels = []
        for level in one.levels:
            shares = np.zeros(0, np.float32) if level.shares is None else level.shares
            for array in (level.before, level.after, shares):
                if used + array.size > target.size:
                    raise TypeError(f"the logits of {len(logits)} slices need more than {target.size} numbers")
                target[used : used + array.size] = array.ravel()
                used += array.size
            levels.append([int(level.resolution), int(shares.size)])
        place = [float(v) for v in (*one.corner, *one.size)]
        described.append([int(one.slice_index), int(one.label), place, levels])
    return described


def unpack_logits(described: Sequence[Any], source: np.ndarray) -> tuple[SliceLogits, ...]:
    """The inverse of ``pack_logits``; the arrays are views of ``source``."""
    found, used = [], 0
    for index, label, (row, column, rows, columns), sizes in described:
        levels = []
        for side, patches in sizes:
            both = source[used : used + 2 * side * side].reshape(2, side, side)
            used += both.size
            levels.append(LevelLogits(side, both[0], both[1], source[used : used + patches] if patches else None))
            used += patches
        found.append(SliceLogits(index, label, (row, column), (rows, columns), tuple(levels)))
    return tuple(found)
