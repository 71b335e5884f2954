"""Few planes that hold all painted voxels: the largest first, peeled off until nothing is left."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

Plane = tuple[int, int]  # axis, 0 for k, 1 for j, 2 for i, and index along it


def planes_holding(
    at: np.ndarray, first: Sequence[Plane] = (), among: Sequence[Plane] | None = None, most: int | None = None
) -> list[Plane]:
    """Planes that hold all voxels: those given first, then, again and again, the one with most of what is left.

    Args:
        at: (n, 3) voxels.
        first: planes that are taken in any case.
        among: the planes to choose from; None for all.
        most: planes after which to give up, with some voxels on none of them; None for as many as are needed.
    """
    chosen, left = list(first), at[~on_any(at, first)]
    while len(left) and (most is None or len(chosen) <= most):
        plane = _largest(left, chosen, among)
        chosen.append(plane)
        left = left[~on(left, plane)]
    times = np.zeros(len(at), int)
    held = [on(at, plane) for plane in chosen]
    for part in held:
        times += part
    for number in reversed(range(len(first), len(chosen))):  # what the others hold as well is no plane of its own
        if (times[held[number]] > 1).all():
            times -= held[number]
            del chosen[number], held[number]
    return chosen


def _largest(at: np.ndarray, chosen: Sequence[Plane], among: Sequence[Plane] | None) -> Plane:
    """The plane with most voxels; of equal ones one beside a chosen one, then one along the axis of most of these."""
    best: list[Plane] = []
    most = 0
    for axis in range(3):
        counts = np.bincount(at[:, axis])
        if among is not None:
            others = np.ones(len(counts), bool)
            others[[index for own, index in among if own == axis and index < len(counts)]] = False
            counts[others] = 0
        if counts.max() < most:
            continue
        if counts.max() > most:
            best, most = [], counts.max()
        best += [(axis, int(index)) for index in np.flatnonzero(counts == most)]
    taken = set(chosen)
    along = Counter(axis for axis, _ in chosen)
    return max(
        best,
        key=lambda plane: (
            not taken.isdisjoint(((plane[0], plane[1] - 1), (plane[0], plane[1] + 1))),
            along[plane[0]],
            -plane[0],
            -plane[1],
        ),
    )


def on(at: np.ndarray, plane: Plane) -> np.ndarray:
    """(n,) bool: which voxels lie on a plane."""
    return at[:, plane[0]] == plane[1]


def on_any(at: np.ndarray, planes: Iterable[Plane]) -> np.ndarray:
    """(n,) bool: which voxels lie on one of several planes."""
    found = np.zeros(len(at), bool)
    for plane in planes:
        found |= on(at, plane)
    return found
