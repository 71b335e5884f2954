"""What is kept of a scan that becomes a case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.images import Grid
from PatchICLLib.library.cases import CaseEntry, Filled, body_extents, scan_hash, voxel_checksum
from PatchICLLib.library.crop import Box, box_around
from PatchICLLib.library.structures import Structure, has_default_name


@dataclass(frozen=True, eq=False)
class NewCase:
    """The part of a scan around its finished structures.

    Attributes:
        image: (K, J, I) of the part.
        labels: (K, J, I) or (L, K, J, I), as they were given.
        grid: of the part.
        box: the part, in the scan.
        scan_shape: (K, J, I) of the scan.
        scan: its hash.
        structures: those with voxels, by the labels that were given.
    """

    image: np.ndarray
    labels: np.ndarray
    grid: Grid
    box: Box
    scan_shape: tuple[int, int, int]
    scan: str
    structures: tuple[Structure, ...]

    @classmethod
    def of(cls, image: np.ndarray, labels: np.ndarray, grid: Grid, structures: Sequence[Structure]) -> NewCase:
        """Cut it out; arguments as `Library.add` takes them.

        Raises:
            InputError: there is nothing to keep, or something that cannot be kept.
        """
        if not (image.ndim == 3 and labels.ndim in (3, 4) and image.shape == labels.shape[-3:] == grid.shape):
            raise ValueError(f"image {image.shape}, labels {labels.shape} and grid {grid.shape} differ")
        if image.dtype.kind == "f" and not np.isfinite(image).all():
            raise InputError("The scan has voxels that are NaN or infinite; replace them and try again.")
        if image.dtype.kind not in "iuf":
            raise InputError(f"The scan's voxels are of type {image.dtype}, but they must be real numbers.")
        named = [one.tidied() for one in structures if not has_default_name(one)]
        if not named:
            raise InputError(
                "No structure has a name of its own, by which it could be known again in the next patient: give names "
                "such as liver, not Segment_1."
            )
        masks = {one.label: _mask(labels, one.label) for one in named}
        filled = tuple(one for one in named if masks[one.label].any())
        if not filled:
            names = ", ".join(one.name for one in named)
            raise InputError(f"There are no voxels of {names}: fill the structure first.")
        k, j, i = grid.spacing
        box = box_around([masks[one.label] for one in filled], (k, j, i))
        first = np.array([part.start for part in box])
        origin = np.array(grid.origin) + grid.steps @ first[::-1]
        shape = tuple(part.stop - part.start for part in box)
        depth, height, width = image.shape
        return cls(
            image=_native(image[box]),
            labels=labels[(..., *box)],
            grid=Grid(shape, grid.spacing, tuple(float(value) for value in origin), grid.direction),
            box=box,
            scan_shape=(depth, height, width),
            scan=scan_hash(image),
            structures=filled,
        )

    def entry(self, number: int, known: Mapping[int, int], filled: Filled) -> tuple[CaseEntry, np.ndarray]:
        """What the library will say of the case, and its mask there.

        Args:
            number: of the case.
            known: label that was given -> label in the library.
            filled: where the voxels come from.
        """
        layers = self.labels if self.labels.ndim == 4 else self.labels[None]
        mask = np.zeros(layers.shape, np.min_scalar_type(max(known.values())))
        for one in self.structures:
            mask[layers == one.label] = known[one.label]
        mask = mask[mask.any(axis=(1, 2, 3))]
        mask = mask[0] if len(mask) == 1 else mask
        direction = np.reshape(self.grid.direction, (3, 3))
        first, shape = (tuple(part.start for part in self.box), self.image.shape)
        entry = CaseEntry(
            number=number,
            structures=tuple(sorted(known[one.label] for one in self.structures)),
            filled=filled,
            shape=(shape[0], shape[1], shape[2]),
            first=(first[0], first[1], first[2]),
            scan_shape=self.scan_shape,
            layers=len(mask) if mask.ndim == 4 else 1,
            scan=self.scan,
            checksum=voxel_checksum(self.image, mask),
            extents={
                known[one.label]: body_extents(_mask(self.labels, one.label), self.grid.spacing, direction)
                for one in self.structures
            },
        )
        return entry, mask


def _mask(labels: np.ndarray, label: int) -> np.ndarray:
    found = labels == label
    return np.asarray(found.any(axis=0) if found.ndim == 4 else found)


def _native(image: np.ndarray) -> np.ndarray:
    """In a type and order of bytes that NIfTI files hold."""
    dtype = image.dtype.newbyteorder("=")
    if dtype.kind == "f" and dtype.itemsize not in (4, 8):
        dtype = np.dtype(np.float32 if dtype.itemsize < 4 else np.float64)
    return np.ascontiguousarray(image, dtype)
