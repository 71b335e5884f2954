"""Which slices count as painted, for each label."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.propagation.sliced_volume import bounding_box

Declared = Sequence[int] | Mapping[int, Sequence[int]] | None


def painted_slices(
    painted: np.ndarray, labels: Sequence[int] | None = None, declared: Declared = None
) -> dict[int, tuple[int, ...]]:
    """Painted slices of each label: those with one of its voxels, and those declared painted though empty.

    Args:
        painted: (Z, H, W) integers, slicing axis first.
        labels: labels to propagate; None for all that are painted.
        declared: slices that count as painted for all labels, or for each label its own.

    Returns:
        For each label its slices in ascending order.

    Raises:
        InputError: nothing painted, a label that is not painted, a slice that does not exist, no slice left, or labels
            or slices that are no whole numbers.
    """
    depth = len(painted)
    holding = _slices_by_label(painted)
    if not holding:
        raise InputError("Nothing is painted: paint the structure on at least one slice, on two or more if possible.")
    wanted = sorted(holding) if labels is None else list(dict.fromkeys(_whole_numbers(labels, "The labels")))
    if not wanted:
        raise InputError("The list of labels to propagate is empty: name at least one, or leave it out for all.")
    for label in wanted:
        if label not in holding:
            known = ", ".join(map(str, sorted(holding)))
            raise InputError(f"Label {label} is not painted on any slice; painted are {known}.")
    found = {}
    for label in wanted:
        named = declared.get(label) if isinstance(declared, Mapping) else declared
        extra = [] if named is None else _whole_numbers(named, "The slices declared painted")
        for index in extra:
            if not 0 <= index < depth:
                raise InputError(f"Slice {index} is declared painted, but the slices go from 0 to {depth - 1}.")
        found[label] = tuple(sorted({*holding[label], *extra}))
    if all(len(slices) == depth for slices in found.values()):
        raise InputError("Every slice is painted, so there is nothing left to propagate.")
    return found


def _whole_numbers(values: Iterable[int], what: str) -> list[int]:
    try:
        return [operator.index(value) for value in values]
    except TypeError as error:
        raise InputError(f"{what} must be given as a list of whole numbers, not as {values!r}.") from error


def _slices_by_label(painted: np.ndarray) -> dict[int, list[int]]:
    """For each label the slices that hold it."""
    box = bounding_box(painted)
    found: dict[int, list[int]] = {}
    for index, plane in enumerate(painted[box], box[0].start):
        for label in np.unique(plane[plane != 0]).tolist():
            found.setdefault(int(label), []).append(index)
    return found
