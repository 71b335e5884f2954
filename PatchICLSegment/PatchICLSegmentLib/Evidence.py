"""What a run is told of single voxels beside the painted planes: composed in one place, whatever it comes from."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from PatchICLLib.propagation.geometry.evidence import SINGLE, WALL

from .Errors import SceneError
from .SceneIO.Segments import SegmentBox
from .Translation import _

_ERASED = 2  # first of the codes up to `WALL`


@dataclass(frozen=True)
class Exclusion:
    """Voxels where labels are not.

    Attributes:
        region: of the volume, along k, j, i.
        voxels: bool, of the region.
        labels: None for all.
        isWall: because another segment is there; else the user erased them.
    """

    region: tuple[slice, slice, slice]
    voxels: np.ndarray
    labels: tuple[int, ...] | None = None
    isWall: bool = False


def composed(
    shape, exclusions: Iterable[Exclusion], singles: Iterable[SegmentBox]
) -> tuple[np.ndarray | None, dict[int, list[int]]]:
    """The options `evidence`, uint8 (K, J, I), and `excluded` of a run; None and nothing where nothing is known.

    Where voxels are excluded for several reasons, all of them hold; single voxels go over all.

    Raises:
        SceneError: the labels are excluded in too many different combinations.
    """
    evidence = None
    codes: dict[tuple[frozenset[int] | None, bool], int] = {}  # labels, None for all, and whether walls -> code
    free = {False: iter(range(_ERASED, WALL)), True: iter(range(WALL, 256))}
    for one in exclusions:
        if not one.voxels.any():
            continue
        isFirst = evidence is None
        if evidence is None:
            evidence = np.zeros(shape, np.uint8)
        part = evidence[one.region]
        new = np.zeros(256, np.uint8)
        labels = None if one.labels is None else frozenset(one.labels)
        befores = [0] if isFirst else np.unique(part[one.voxels]).tolist()  # whole volumes take a second
        for before in befores:
            held, isWall = next((found for found, code in codes.items() if code == before), (frozenset[int](), False))
            union = None if held is None or labels is None else held | labels, isWall or one.isWall
            if union not in codes:
                code = next(free[union[1]], None)
                if code is None:
                    raise SceneError(
                        _("Too many segments were corrected one by one; propagate fewer of them at a time.")
                    )
                codes[union] = code
            new[before] = codes[union]
        part[one.voxels] = new[befores[0]] if len(befores) == 1 else new[part[one.voxels]]
    for box in singles:
        if not box.isEmpty:
            if evidence is None:
                evidence = np.zeros(shape, np.uint8)
            evidence[box.region][box.voxels] = SINGLE
    return evidence, {code: sorted(labels) for (labels, _isWall), code in codes.items() if labels is not None}
