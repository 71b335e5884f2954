"""An image in memory together with its place in the patient."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from PatchICLLib.images.grid import Grid
from PatchICLLib.images.nifti_geometry import NiftiGeometry


@dataclass(frozen=True, eq=False)
class Volume:
    """A scalar image read from a file.

    Attributes:
        array: (K, J, I) voxels; (J, I) for a 2D image.
        spacing: millimetres per voxel in the array's order, (sk, sj, si) or (sj, si).
        origin, direction: as ITK has them, in LPS (see `Grid`).
        path: the file or DICOM folder that it was read from.
        pixel_type: how the file stores a voxel, in words ("16-bit signed integer").
        nifti: how a NIfTI file says all this, for NIfTI files written on the same grid; None for other formats.
    """

    array: np.ndarray[Any, np.dtype[Any]]
    spacing: tuple[float, ...]
    origin: tuple[float, ...]
    direction: tuple[float, ...]
    path: Path
    pixel_type: str
    nifti: NiftiGeometry | None = None

    @classmethod
    def of(cls, image: Any, path: Path, nifti: NiftiGeometry | None = None) -> Self:
        """What SimpleITK has read from a path."""
        import SimpleITK as sitk

        return cls(
            array=sitk.GetArrayFromImage(image),
            spacing=tuple(reversed(image.GetSpacing())),
            origin=image.GetOrigin(),
            direction=image.GetDirection(),
            path=path,
            pixel_type=image.GetPixelIDTypeAsString(),
            nifti=nifti,
        )

    @property
    def grid(self) -> Grid:
        return Grid(tuple(self.array.shape), self.spacing, self.origin, self.direction)

    @property
    def spacing_kji(self) -> tuple[float, float, float]:
        """Millimetres per voxel of a 3D image, in the array's order."""
        k, j, i = self.spacing
        return k, j, i
