"""Files of four dimensions: several volumes on one grid, one after the other in time."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PatchICLLib.errors import InputError
from PatchICLLib.images.checks import check_all_finite, check_grid, check_nifti_placement
from PatchICLLib.images.file_kind import check_readable_path, kind_of_file
from PatchICLLib.images.native_messages import native_messages_dropped
from PatchICLLib.images.reading import HEADERS
from PatchICLLib.images.stored_voxels import DamagedFile, ImageHeader, regular_file_size
from PatchICLLib.images.volume import Volume


@dataclass(frozen=True, eq=False)
class Frames:
    """Volumes on one grid.

    Attributes:
        array: (T, K, J, I) voxels.
        first: the first of them, with the grid of all.
    """

    array: np.ndarray
    first: Volume

    def __len__(self) -> int:
        return len(self.array)

    def volume(self, number: int) -> Volume:
        """One of them, from 0 on; its voxels are not copied."""
        return replace(self.first, array=self.array[number])


def read_frames(path: Path) -> Frames:
    """Read a 4D NIfTI, NRRD (Slicer's `.seq.nrrd` as well) or MetaImage file.

    Raises:
        InputError: missing, unreadable, damaged, colors, or of other than four dimensions.
    """
    check_readable_path(path, "sequence")
    try:
        with native_messages_dropped():
            header, image = _read(path)
    except (RuntimeError, OSError, EOFError, zlib.error, DamagedFile) as error:
        reason = " ".join(str(error).split())[-120:].rstrip(".")
        raise InputError(f"The sequence {path} cannot be read ({reason}).") from error
    array = sitk.GetArrayFromImage(image)
    if image.GetDimension() == 3:  # frames are components of its voxels
        array = np.moveaxis(array, -1, 0)
    dimension = image.GetDimension()
    direction = np.reshape(image.GetDirection(), (dimension, dimension))[:3, :3]
    first = Volume(
        array=array[0],
        spacing=tuple(reversed(image.GetSpacing()[:3])),
        origin=image.GetOrigin()[:3],
        direction=tuple(float(value) for value in direction.ravel()),
        path=path,
        pixel_type=image.GetPixelIDTypeAsString(),
        nifti=header.nifti,
    )
    check_grid(first, "sequence")
    check_nifti_placement(first, "sequence")
    return Frames(array, first)


def _read(path: Path) -> tuple[ImageHeader, sitk.Image]:
    kind = kind_of_file(path, "sequence")
    if kind not in HEADERS:
        raise DamagedFile("it is no NIfTI, NRRD or MetaImage file")
    header = HEADERS[kind](path)
    _check_sizes(header.sizes, path)
    regular_file_size(header.voxels.path)
    check_all_finite(header.voxels.check(), path, "sequence")
    reader = sitk.ImageFileReader()
    reader.SetImageIO(kind.value)
    reader.SetFileName(str(path))
    image = reader.Execute()
    components = image.GetNumberOfComponentsPerPixel()
    ordinary = image.GetDimension() == 4 and components == 1
    listed = image.GetDimension() == 3 and header.kinds[:1] == ("list",)
    if not ordinary and not listed:
        raise DamagedFile("its voxels are colors or vectors, not numbers that change with time")
    return header, image


def _check_sizes(sizes: Sequence[int], path: Path) -> None:
    if len(sizes) != 4:
        text = " x ".join(str(count) for count in sizes[:5])
        raise InputError(
            f"The sequence {path} has {len(sizes)} dimensions (size {text}), but 4 are needed, the last one time; give "
            "a folder of files for frames that are files of their own; frames of one slice in a 3D image are for "
            "`patchicl propagate`."
        )
