"""Which slices count as painted, for each label."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from PatchICLLib.errors import InputError, NothingToFillError
from PatchICLLib.propagation.geometry.named_slices import Declared
from PatchICLLib.propagation.geometry.sliced_volume import bounding_box
from PatchICLLib.propagation.geometry.whole_numbers import whole_numbers

MOST_LABELS = 255  # at once
_FEW, _MOST_SLICES = 3, 0.8  # labels, the background among them; slices, of all


def painted_slices(
    painted: np.ndarray,
    labels: Sequence[int] | None = None,
    declared: Declared = None,
    ignored: Declared = None,
) -> dict[int, tuple[int, ...]]:
    """Painted slices of each label: those with one of its voxels, and those declared painted though empty.

    No painting is judged here; see ``painting_review``.

    Args:
        painted: (Z, H, W) integers, slicing axis first.
        labels: labels to propagate; None for all that are painted.
        declared: slices that count as painted for all labels, or for each label its own.
        ignored: slices that do not count, for all labels, or for each label its own.

    Returns:
        For each label its slices in ascending order.

    Raises:
        InputError: nothing painted, a label that is not painted, a slice that does not exist, no slice left, or labels
            or slices that are no whole numbers.
    """
    depth = len(painted)
    holding = slices_by_label(painted)
    if not holding:
        raise InputError("Nothing is painted: paint the structure on at least one slice, on two or more if possible.")
    wanted = wanted_labels(labels, holding)
    found = {}
    for label in wanted:
        extra = declared_slices(declared, label, depth, "declared painted")
        left_out = set(declared_slices(ignored, label, depth, "to be ignored"))
        for index in extra:
            if index in left_out:
                raise InputError(f"Slice {index} is declared painted and to be ignored: choose one of both.")
        found[label] = tuple(sorted({*holding[label], *extra} - left_out))
        if not left_out.isdisjoint(holding[label]) and left_out.issuperset(holding[label]):
            raise InputError(f"All slices on which label {label} is painted are to be ignored: leave at least one.")
    if all(len(slices) == depth for slices in found.values()):
        raise NothingToFillError
    return found


def wanted_labels(labels: Sequence[int] | None, painted: Collection[int]) -> list[int]:
    """The labels to propagate of those that are painted; None for all.

    Raises:
        InputError: none, or one that is not painted.
    """
    wanted = sorted(painted) if labels is None else list(dict.fromkeys(whole_numbers(labels, "The labels")))
    if not wanted:
        raise InputError("The list of labels to propagate is empty: name at least one, or leave it out for all.")
    for label in wanted:
        if label not in painted:
            known = ", ".join(map(str, sorted(painted)))
            raise InputError(f"Label {label} is not painted on any slice; painted are {known}.")
    return wanted


def declared_slices(declared: Declared, label: int, depth: int, what: str) -> list[int]:
    """The slices that are named for a label.

    Args:
        declared: slices for all labels, or for each label its own.
        label: the label.
        depth: number of slices.
        what: they are, such as "declared painted", for the message.

    Raises:
        InputError: slices that do not exist or are no whole numbers.
    """
    named = declared.get(label) if isinstance(declared, Mapping) else declared
    indices = [] if named is None else whole_numbers(named, f"The slices {what}")
    for index in indices:
        if not 0 <= index < depth:
            raise InputError(f"Slice {index} is {what}, but the slices go from 0 to {depth - 1}.")
    return indices


def check_label_count(layers: Sequence[np.ndarray], labels: Sequence[int] | None, most: int) -> None:
    """Refuse paintings that are images, and more labels than anybody paints.

    Args:
        layers: each (K, J, I) integers; one, unless labels overlap.
        labels: labels to propagate; None for all.
        most: labels, where all are wanted.

    Raises:
        InputError: too many labels, or a volume that is labelled throughout.
    """
    if labels is not None and np.size(labels) > MOST_LABELS:
        raise InputError(f"{np.size(labels)} labels are asked for, but at most {MOST_LABELS} are propagated at once.")
    if any(_is_labelled_throughout(layer) for layer in layers):
        raise InputError(
            "More than half of the volume is labelled, and most of its slices are full: are IMAGE and PAINTED swapped?"
        )
    found: set[int] = set()
    for layer in layers if labels is None else ():
        for plane in layer[bounding_box(layer)]:
            found.update(np.unique(plane[plane != 0]).tolist())
            if len(found) > most:
                remedy = f"at most {MOST_LABELS}" if most == MOST_LABELS else "or write --labels all"
                raise InputError(
                    f"The painting holds more than {most} labels: are IMAGE and PAINTED swapped? If not, name the "
                    f"labels to propagate, {remedy}."
                )


def _is_labelled_throughout(painted: np.ndarray) -> bool:
    """More than half of the voxels, with several labels, and, along every axis, more than half of most slices."""
    if 2 * np.count_nonzero(painted) <= painted.size or len(np.unique(painted[:: max(1, len(painted) // 8)])) <= _FEW:
        return False
    shares = [(painted != 0).mean(tuple(a for a in range(3) if a != axis)) for axis in range(3)]
    return all((share > 0.5).mean() >= _MOST_SLICES for share in shares)


def slices_by_label(painted: np.ndarray) -> dict[int, list[int]]:
    """For each label the slices of (Z, H, W) that hold it, ascending."""
    box = bounding_box(painted)
    found: dict[int, list[int]] = {}
    for index, plane in enumerate(painted[box], box[0].start):
        for label in np.unique(plane[plane != 0]).tolist():
            found.setdefault(int(label), []).append(index)
    return found
