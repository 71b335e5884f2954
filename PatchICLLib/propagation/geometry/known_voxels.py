"""Voxels of a volume, as the engine sees it, of which it is known whether a label lies there."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.propagation.geometry.evidence import WALL, Evidence
from PatchICLLib.propagation.geometry.orientation import Orientation
from PatchICLLib.propagation.geometry.region import Region, Window
from PatchICLLib.runtime.transfers import to_device

INSIDE, OUTSIDE, BARRED = 1, 2, 3
SURE = 12.0  # logit of what is known
_CHUNK = 32  # slices looked at at a time


@dataclass(frozen=True, eq=False)
class KnownVoxels:
    """Attributes: painted: (Z, H, W); evidence: its codes, (Z, H, W), and planes turned as the volume is."""

    painted: np.ndarray
    evidence: Evidence

    @classmethod
    def seen(cls, painted: np.ndarray, evidence: Evidence, orientation: Orientation) -> KnownVoxels:
        """Of a painting, seen already, and stored evidence (K, J, I)."""
        codes = None if evidence.codes is None else orientation.view(evidence.codes)
        planes = {
            label: frozenset(orientation.seen_plane(plane) for plane in stored)
            for label, stored in evidence.planes.items()
        }
        return cls(painted, Evidence(codes, evidence.excluded, planes))

    def of(self, label: int, indices: Sequence[int], window: Window) -> np.ndarray | None:
        """What is known of a label on slices, through a window.

        Returns:
            (n, h, w) uint8: ``INSIDE``, ``OUTSIDE``, ``BARRED`` where it is not because something else is, or 0; None
            if that is 0 everywhere.
        """
        chosen = list(indices)
        told = self._told(label, chosen, window)
        if told is None or not told.any():
            return None
        painted = self.painted[:, *window][chosen] == label
        absent: np.ndarray | np.uint8 = np.uint8(OUTSIDE)
        if self._has_walls and self.evidence.codes is not None:
            absent = np.where(self.evidence.codes[:, *window][chosen] < WALL, np.uint8(OUTSIDE), np.uint8(BARRED))
        return told * np.where(painted, np.uint8(INSIDE), absent)

    def _told(self, label: int, chosen: list[int], window: Window) -> np.ndarray | None:
        """(n, h, w) bool: where something is known; None: nowhere."""
        codes, told = self.evidence.codes, None
        if codes is not None:
            told = self.evidence.told(label).take(codes[:, *window][chosen])
        rows, columns = window
        shape = len(chosen), rows.stop - rows.start, columns.stop - columns.start
        for axis, index in self.evidence.planes.get(label, ()):
            places = [n for n, z in enumerate(chosen) if z == index] if axis == 0 else [index - window[axis - 1].start]
            if axis and not 0 <= places[0] < shape[axis]:
                continue
            if told is None:
                told = np.zeros(shape, bool)
            told[tuple(places if a == axis else slice(None) for a in range(3))] = True
        return told

    def held(self, label: int, indices: Sequence[int], window: Window, logits: Tensor) -> Tensor:
        """Logits (n, h, w) of slices, as sure as can be where it is known what lies there."""
        known = self.of(label, indices, window)
        if known is None:
            return logits
        sent = to_device(array_tensor(known, np.uint8), logits.device)
        return torch.where(sent == 0, logits, torch.where(sent == INSIDE, SURE, -SURE).to(logits.dtype))

    def seeds(self, label: int, indices: Sequence[int], region: Region, size: int) -> np.ndarray | None:
        """What is known of a label on slices, seen through an unturned region.

        A pixel is known if any voxel in it is: a line, averaged with the voxels beside it, would be lost. Something
        else is there if it is in half of its voxels, or what lies beside it would lose its edge.

        Returns:
            (n, size, size) uint8: ``INSIDE``, ``OUTSIDE``, ``BARRED`` or 0; None if that is 0 everywhere.
        """
        shape = self.painted.shape[1:]
        (rows, row_places), (columns, column_places) = (_voxels(region, size, axis, shape[axis]) for axis in (0, 1))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return None
        known = self.of(label, indices, (rows, columns))
        if known is None:
            return None
        inside, outside = (
            _counted(_counted(known == kind, column_places, 2), row_places, 1) for kind in (INSIDE, OUTSIDE)
        )
        seeds = np.where(inside >= outside, np.uint8(INSIDE), np.uint8(OUTSIDE)) * ((inside > 0) | (outside > 0))
        barred = known == BARRED
        if barred.any():
            most = _counted(_counted(barred, column_places, 2), row_places, 1)
            voxels = np.diff(row_places).clip(0) * np.diff(column_places).clip(0).T
            seeds[(seeds == 0) & (most > 0) & (2 * most.astype(int) >= voxels)] = BARRED
        return np.asarray(seeds)

    @cached_property
    def across(self) -> KnownVoxels:
        """What planes alone show."""
        return KnownVoxels(self.painted, Evidence(planes=self.evidence.planes))

    def reached(self, label: int, indices: Sequence[int]) -> Window | None:
        """Rows and columns that a label is known to lie in, on planes across some slices; None if there are none."""
        first, last = min(indices), max(indices)
        found = []
        for axis, index in self.evidence.planes.get(label, ()):
            if axis == 0:
                continue
            along = np.flatnonzero((self.painted[first : last + 1].take(index, axis) == label).any(0))
            if len(along):
                spans = slice(index, index + 1), slice(int(along[0]), int(along[-1]) + 1)
                found.append(spans if axis == 1 else spans[::-1])
        if not found:
            return None
        rows, columns = (
            slice(min(span.start for span in spans), max(span.stop for span in spans))
            for spans in zip(*found, strict=True)
        )
        return rows, columns

    def shown(self, label: int, indices: Sequence[int], painted: int) -> int:
        """How far from a painted slice, among slices beyond it, planes across show a label; 0 if they do not."""
        first, last = min(indices), max(indices)
        found = [0]
        for axis, index in self.evidence.planes.get(label, ()):
            if axis:
                lines = (self.painted[first : last + 1].take(index, axis) == label).any(1)
                found += np.abs(first + np.flatnonzero(lines) - painted).tolist()
        return max(found)

    def unseen(self, label: int, indices: Sequence[int], painted: int) -> np.ndarray:
        """How many slices it is from some, (n,), to the nearest one towards a painted one that the label is known on.

        That is the painted one itself, or one on which a plane across shows the label.
        """
        first, last = min(painted, *indices), max(painted, *indices)
        shown = np.zeros(last + 1 - first, bool)
        for axis, index in self.evidence.planes.get(label, ()):
            if axis:
                shown |= (self.painted[first : last + 1].take(index, axis) == label).any(1)
        shown[painted - first] = True
        places = first + np.flatnonzero(shown)
        goals = np.asarray(indices)
        before, after = np.searchsorted(places, goals, "right") - 1, np.searchsorted(places, goals)
        nearest = np.where(goals < painted, places.take(after, mode="clip"), places.take(before, mode="clip"))
        return np.abs(goals - nearest)

    def digest(self, label: int, indices: Sequence[int], window: Window) -> bytes:
        """Something that changes with what is known of a label on slices in a row; empty if nothing is.

        Of planes across all counts, for how far they show the label is heard of everywhere; of all else what is seen
        through a window.
        """
        found, anything = hashlib.blake2b(), False
        for first in range(0, len(indices), _CHUNK):
            known = self.of(label, indices[first : first + _CHUNK], window)
            found.update(b"-" if known is None else known.tobytes())
            anything = anything or known is not None
        for axis, index in sorted(self.evidence.planes.get(label, ())) if len(indices) else ():
            if axis:
                lines = self.painted[indices[0] : indices[-1] + 1].take(index, axis) == label
                found.update(repr((axis, index)).encode() + np.packbits(lines).tobytes())
                anything = True
        return found.digest() if anything else b""

    @property
    def _has_walls(self) -> bool:
        return bool(self._codes[WALL:].any())

    @cached_property
    def _codes(self) -> np.ndarray:
        codes = self.evidence.codes
        return np.bincount(np.zeros(0, np.uint8) if codes is None else codes.ravel(), minlength=256)

    def count(self, label: int) -> int:
        """Voxels by whose codes it is known whether the label lies there."""
        return int(self._codes[self.evidence.told(label)].sum())


def _voxels(region: Region, size: int, axis: int, count: int) -> tuple[slice, np.ndarray]:
    """Which voxels of an axis of ``count`` the pixels of a region hold.

    Returns:
        The voxels that any of ``size`` pixels holds, and first and beyond the last of each pixel among them, (size, 2):
        those with their centre in it, and the one that its own centre lies in; none for pixels beyond the volume.
    """
    voxels = region.side / region.spacing[axis]
    edges = np.ceil(region.centre[axis] + (np.arange(size + 1) / size - 0.5) * voxels)
    nearest = np.rint(region.centre[axis] + ((np.arange(size) + 0.5) / size - 0.5) * voxels)
    places = np.stack([np.minimum(edges[:-1], nearest), np.maximum(edges[1:], nearest + 1)], 1)
    places = places.clip(0, count).astype(int)
    held = places[places[:, 0] < places[:, 1]]
    if not len(held):
        return slice(0, 0), places
    span = slice(int(held[0, 0]), int(held[-1, 1]))
    return span, (places - span.start).clip(0, span.stop - span.start)


def _counted(marks: np.ndarray, places: np.ndarray, axis: int) -> np.ndarray:
    """Marks in each pixel along an axis: uint16 sums over ``places``."""
    sides = [(0, 0)] * marks.ndim
    sides[axis] = (0, 1)  # so that every place exists
    sums = np.add.reduceat(np.pad(marks, sides), places.ravel(), axis, np.uint16)
    sums = sums.take(np.arange(0, places.size, 2), axis)
    empty = np.flatnonzero(places[:, 0] >= places[:, 1])
    sums[tuple(empty if a == axis else slice(None) for a in range(marks.ndim))] = 0
    return sums
