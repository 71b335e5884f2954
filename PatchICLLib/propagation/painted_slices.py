"""Which slices count as painted, for each label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from PatchICLLib.errors import InputError

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
        InputError: nothing painted, a label that is not painted, a slice that does not exist, or no slice left.
    """
    depth = len(painted)
    present = {int(v) for v in np.unique(painted)} - {0}
    if not present:
        raise InputError("Nothing is painted: paint the structure on at least one slice, on two or more if possible.")
    wanted = sorted(present) if labels is None else list(dict.fromkeys(int(v) for v in labels))
    for label in wanted:
        if label not in present:
            known = ", ".join(map(str, sorted(present)))
            raise InputError(f"Label {label} is not painted on any slice; painted are {known}.")
    found = {}
    for label in wanted:
        own = np.flatnonzero((painted == label).any((1, 2))).tolist()
        extra = declared.get(label, ()) if isinstance(declared, Mapping) else (declared or ())
        for index in extra:
            if not 0 <= index < depth:
                raise InputError(f"Slice {index} is declared painted, but the slices go from 0 to {depth - 1}.")
        found[label] = tuple(sorted({*own, *(int(i) for i in extra)}))
    if all(len(slices) == depth for slices in found.values()):
        raise InputError("Every slice is painted, so there is nothing left to propagate.")
    return found
