"""What a library knows of a case, and the case itself."""

import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from PatchICLLib.images import Grid

Extents = tuple[float, float, float]
How = Literal["propagated", "painted", "imported"]
HOWS: tuple[str, ...] = get_args(How)


@dataclass(frozen=True)
class Filled:
    """Where a case's voxels come from.

    Attributes:
        how: propagated from painted slices and looked at, painted on all slices, or imported from a file.
        weights: name of those that it was propagated with.
        date: as YYYY-MM-DD, if the user wants it kept.
    """

    how: How
    weights: str | None = None
    date: str | None = None


@dataclass(frozen=True)
class CaseEntry:
    """What `library.json` says of a case.

    Attributes:
        number: above 0; that of a case that was removed is not given again.
        structures: labels of the structures that are finished in it, ascending. Others were not looked at.
        filled: where its voxels come from.
        shape: (K, J, I) of the part of the scan that is kept.
        first: the scan's voxel (k, j, i) at which that part begins.
        scan_shape: (K, J, I) of the whole scan.
        layers: label maps that it takes, more than one where structures overlap.
        scan: hash of the whole scan's voxels, by which the same scan is known again.
        checksum: of the voxels that are kept, image and mask.
        extents: of each structure, by label, mm from left to right, front to back and foot to head; a library that was
            begun by an older version lacks some. By them a choice is made without reading scans.
    """

    number: int
    structures: tuple[int, ...]
    filled: Filled
    shape: tuple[int, int, int]
    first: tuple[int, int, int]
    scan_shape: tuple[int, int, int]
    layers: int
    scan: str
    checksum: str
    extents: Mapping[int, Extents] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class FinishedCase:
    """A scan around its finished structures.

    Attributes:
        entry: what the library says of it.
        image: (K, J, I) intensities as in the scan.
        mask: (K, J, I), or (L, K, J, I) where structures overlap: labels of the library, 0 elsewhere.
        grid: where they lie.
    """

    entry: CaseEntry
    image: np.ndarray
    mask: np.ndarray
    grid: Grid

    @property
    def spacing(self) -> tuple[float, float, float]:
        """(sk, sj, si) in mm."""
        k, j, i = self.grid.spacing
        return k, j, i

    @property
    def direction(self) -> np.ndarray:
        """(3, 3) as ITK has it: column c is the direction, in LPS, of axis c of (i, j, k)."""
        return np.reshape(self.grid.direction, (3, 3))

    def mask_of(self, label: int) -> np.ndarray:
        """Voxels of a structure, (K, J, I) bool."""
        found = self.mask == label
        return np.asarray(found.any(axis=0) if found.ndim == 4 else found)


def body_axes(direction: np.ndarray) -> tuple[int, int, int]:
    """Which body axis each array axis (k, j, i) runs along, best: 0 for left to right, 1 front to back, 2 foot to head.

    Args:
        direction: (3, 3) as ITK has it: column c is the direction in LPS of axis c of (i, j, k).
    """
    along = np.abs(direction[:, ::-1])
    orders = itertools.permutations(range(3))
    k, j, i = max(orders, key=lambda order: sum(along[body, axis] for axis, body in enumerate(order)))
    return k, j, i


def body_extents(mask: np.ndarray, spacing: Sequence[float], direction: np.ndarray) -> Extents:
    """See ``CaseEntry.extents``.

    Args:
        mask: (K, J, I) bool, not empty.
        spacing: (sk, sj, si) in mm.
        direction: see ``body_axes``.
    """
    found = [0.0, 0.0, 0.0]
    for axis, body in enumerate(body_axes(direction)):
        held = np.flatnonzero(mask.any(tuple(other for other in range(3) if other != axis)))
        found[body] = round(float((held[-1] - held[0] + 1) * spacing[axis]), 2)
    return found[0], found[1], found[2]


def scan_hash(image: np.ndarray) -> str:
    """The same for the same intensities, whatever type they are stored in."""
    known = hashlib.sha256(repr(image.shape).encode())
    for plane in image:
        known.update(np.ascontiguousarray(plane, "<f4").data)
    return known.hexdigest()[:32]


def of_scan(cases: Iterable[CaseEntry], image: np.ndarray) -> tuple[int, ...]:
    """Numbers of the cases that are of this very scan, (K, J, I), all of it."""
    alike = [case for case in cases if case.scan_shape == image.shape]
    scan = scan_hash(image) if alike else ""
    return tuple(case.number for case in alike if case.scan == scan)


def voxel_checksum(image: np.ndarray, mask: np.ndarray) -> str:
    """Of what is kept of a case."""
    known = hashlib.sha256()
    for array in (image, mask):
        known.update(f"{array.dtype.newbyteorder('<').str} {array.shape}".encode())
        known.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data)
    return known.hexdigest()
