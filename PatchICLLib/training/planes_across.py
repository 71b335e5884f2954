"""Planes of other axes, painted too: lines on every slice of a task, as evidence is in a propagation."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.hints.seen_across import FADES
from PatchICLLib.propagation.geometry.evidence import Evidence
from PatchICLLib.propagation.geometry.known_voxels import KnownVoxels

_BOTH = 0.4  # of the tasks have planes of both other axes
_TWO = 0.15  # of the axes have two planes
_INSET = 0.2  # of the structure's extent at either end holds no plane
_LABEL = 1  # of the structure, among what is seen


@dataclass(frozen=True)
class PlanesAcross:
    """What planes across show of the slices of one task, seen through its region.

    Attributes:
        known: (Z, v, v) uint8, as ``PaintedRuns.known``.
        beyond: (T,) as ``SeenAcross.beyond``, of the target slices.
    """

    known: Tensor
    beyond: np.ndarray


def draw_planes(
    mask: np.ndarray,
    thickness: tuple[int, int],
    step: float,
    painted: np.ndarray,
    targets: np.ndarray,
    rng: np.random.Generator,
) -> PlanesAcross:
    """Planes through the structure, across the rows, the columns, or both.

    Args:
        mask: (Z, v, v) bool, the structure on every slice, seen through the region.
        thickness: pixels that a voxel takes along rows' axis and columns' axis, at least 1.
        step: distance of neighbouring slices in units of the field of view.
        painted, targets: ascending places.
        rng: decides.
    """
    sides = (1, 2) if rng.random() < _BOTH else (int(rng.integers(1, 3)),)
    planes = set()
    for side in sides:
        shown = np.flatnonzero(mask.any((0, 3 - side)))
        for _ in range(1 + (rng.random() < _TWO)):
            place = shown[int(rng.uniform(_INSET, 1 - _INSET) * len(shown))]
            first = max(0, place - thickness[side - 1] // 2)
            planes |= {(side, n) for n in range(first, min(first + thickness[side - 1], mask.shape[side]))}
    seen = KnownVoxels(mask.astype(np.uint8), Evidence(planes={_LABEL: frozenset(planes)}))
    known = seen.of(_LABEL, range(len(mask)), (slice(0, mask.shape[1]), slice(0, mask.shape[2])))
    assert known is not None
    outermost = np.clip(targets, painted.min(), painted.max())
    unseen = [int(seen.unseen(_LABEL, [int(t)], int(end))[0]) for t, end in zip(targets, outermost, strict=True)]
    return PlanesAcross(array_tensor(known, np.uint8), FADES * np.array(unseen) * step)
