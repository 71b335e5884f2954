"""Slices that somebody names: by their number along the slicing axis, or by an axis and their number along it."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any

from PatchICLLib.errors import InputError
from PatchICLLib.propagation.geometry.axis import AXIS_NAMES
from PatchICLLib.propagation.geometry.holding_planes import Plane

# for all labels, or for each label its own:
Named = Sequence[int | Plane] | Mapping[int, Sequence[int | Plane]] | None
Declared = Sequence[int] | Mapping[int, Sequence[int]] | None  # along the slicing axis


def named_planes(named: Named, label: int, shape: Sequence[int], axis: int, what: str) -> list[Plane]:
    """The planes that are named for a label.

    Args:
        named: slices for all labels, or for each label its own.
        label: the label.
        shape: of the volume, (K, J, I).
        axis: that bare numbers belong to.
        what: they are, such as "declared painted", for the message.

    Raises:
        InputError: slices that do not exist, or neither whole numbers nor pairs of axis and number.
    """
    planes = [(axis if own is None else own, index) for own, index in _of_label(named, label, what)]
    for own, index in planes:
        if not 0 <= index < shape[own]:
            name, along = (index, "") if own == axis else (plane_name((own, index)), f" along {AXIS_NAMES[own]}")
            raise InputError(f"Slice {name} is {what}, but the slices{along} go from 0 to {shape[own] - 1}.")
    return planes


def explicit_planes(named: Named, label: int, what: str) -> list[Plane]:
    """The planes that are named with their axis for a label.

    Raises:
        InputError: neither whole numbers nor pairs of axis and number.
    """
    return [(axis, index) for axis, index in _of_label(named, label, what) if axis is not None]


def slices_along(named: Named, axis: int, main: int, what: str) -> Declared:
    """Those of the named slices that lie along an axis, by their numbers alone.

    Args:
        named: slices for all labels, or for each label its own.
        axis: along which; 0 for k, 1 for j, 2 for i.
        main: the axis that bare numbers belong to.
        what: they are, such as "declared painted", for the message.

    Raises:
        InputError: neither whole numbers nor pairs of axis and number.
    """

    def along(values: Any) -> list[int]:
        return [index for own, index in _pairs(values, what) if (main if own is None else own) == axis]

    if isinstance(named, Mapping):
        return {label: along(values) for label, values in named.items()}
    return None if named is None else along(named)


def refuse_other_axes(named: Named, axis: int, what: str) -> None:
    """Refuse slices of other axes where everything is read along one.

    Raises:
        InputError: there is such a slice.
    """
    for own, index in _all(named, what):
        if own is not None and own != axis:
            raise InputError(
                f"Slice {plane_name((own, index))} is {what}, but everything is read along {AXIS_NAMES[axis]}: name "
                "slices of that axis, or leave the axis out."
            )


def names_planes(named: Named, what: str) -> bool:
    """Whether any slice is named with its axis.

    Raises:
        InputError: neither whole numbers nor pairs of axis and number.
    """
    return any(axis is not None for axis, _ in _all(named, what))


def plane_name(plane: Plane) -> str:
    """A plane as people and the command line write it, such as k=17."""
    return f"{AXIS_NAMES[plane[0]]}={plane[1]}"


def _all(named: Named, what: str) -> list[tuple[int | None, int]]:
    lists = named.values() if isinstance(named, Mapping) else () if named is None else (named,)
    return [pair for values in lists for pair in _pairs(values, what)]


def _of_label(named: Named, label: int, what: str) -> list[tuple[int | None, int]]:
    values = named.get(label) if isinstance(named, Mapping) else named
    return [] if values is None else _pairs(values, what)


def _pairs(values: Any, what: str) -> list[tuple[int | None, int]]:
    """Axis, None for the run's, and number of each."""
    try:
        return [_pair(value) for value in values]
    except (TypeError, ValueError) as error:
        raise InputError(
            f"The slices {what} must be given as a list of whole numbers, or of pairs of an axis, 0 to 2, and a whole "
            f"number, not as {values!r}."
        ) from error


def _pair(value: Any) -> tuple[int | None, int]:
    try:
        return None, operator.index(value)
    except TypeError:
        axis, index = map(operator.index, value)
    if axis not in (0, 1, 2):
        raise ValueError(axis)
    return axis, index
