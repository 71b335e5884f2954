"""Reads images and label maps: NIfTI, NRRD, MetaImage, DICOM folders, and 2D pictures."""

import contextlib
import os
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import SimpleITK as sitk

from PatchICLLib.errors import InputError
from PatchICLLib.images.checks import (
    ONE_SLICE,
    as_label_array,
    check_all_finite,
    check_grid,
    check_intensities,
    check_nifti_placement,
    check_same_grid,
    check_several_slices,
)
from PatchICLLib.images.dicom_series import read_dicom_file, read_dicom_folder
from PatchICLLib.images.file_kind import FileKind, check_readable_path, kind_of_file
from PatchICLLib.images.grid import Grid
from PatchICLLib.images.meta_image_file import read_meta_image_header
from PatchICLLib.images.native_messages import native_messages_dropped
from PatchICLLib.images.nifti_file import read_nifti_header
from PatchICLLib.images.nrrd_file import read_nrrd_header
from PatchICLLib.images.stored_voxels import DamagedFile, ImageHeader, regular_file_size
from PatchICLLib.images.volume import Volume

# ITK's own readers die of some of what these refuse
HEADERS: dict[FileKind, Callable[[Path], ImageHeader]] = {
    FileKind.NIFTI: read_nifti_header,
    FileKind.NRRD: read_nrrd_header,
    FileKind.META_IMAGE: read_meta_image_header,
}
_MOST_DIMENSIONS = 5  # space, time and components
_PERMISSIVE = "ITK_NIFTI_SFORM_PERMISSIVE"  # read by itk::NiftiImageIO each time that one is made


def read_scalar_image(path: str | Path) -> Volume:
    """Read a 3D scalar image, from a file or a DICOM folder, ready for propagation.

    Raises:
        InputError: missing or unreadable; 2D, 4D, or colour; one slice only; NaN or constant.
    """
    volume = read_slices(path)
    if volume.array.ndim != 3:
        raise InputError(
            f"The image {path} is 2D (size {volume.grid.size_text}), but a 3D volume is needed; {ONE_SLICE}"
        )
    check_several_slices(volume)
    return volume


def read_label_map(path: str | Path, like: Volume) -> Volume:
    """Read a label map that must lie on the lattice of `like`.

    One whose axes run in another order or the other way is turned; no voxel is resampled. If `like` is a NIfTI file
    whose two placements differ, either will do: programs differ in which of them they take.

    Returns:
        A Volume of an integer type with exactly the geometry of `like`, so that what is written like it lies on the
        image's grid. A label map that is stored as real numbers but holds whole ones is converted to the smallest
        unsigned type that holds them.

    Raises:
        InputError: missing or unreadable; colour or 4D; another grid; negative or fractional values.
    """
    labels = read_volume(path, "label map")
    array = as_label_array(labels.array, labels.path)
    turns = (labels.grid.turn_to(grid) for grid in (like.grid, *_placements(like)))
    turn = next((one for one in turns if one is not None), None)
    if turn is None:
        check_same_grid(like, labels)
    else:
        array = turn.array(array)
    return replace(like, array=array, path=labels.path, pixel_type=labels.pixel_type)


def read_slices(path: str | Path) -> Volume:
    """Read a 2D picture or a 3D volume for slice-by-slice use; a picture's array is (J, I), a volume's (K, J, I).

    Raises:
        InputError: missing or unreadable; 4D or colour; NaN or constant.
    """
    volume = read_volume(path, "image")
    check_intensities(volume)
    return volume


def stored_sizes(path: Path) -> tuple[int, ...] | None:
    """The sizes that the header of a NIfTI, NRRD or MetaImage file announces, i first; None if it cannot be read."""
    try:
        regular_file_size(path)
        kind = kind_of_file(path, "image")
        return None if kind is None else HEADERS[kind](path).sizes
    except (InputError, OSError, EOFError, zlib.error, DamagedFile, KeyError):
        return None


def read_volume(path: str | Path, what: str) -> Volume:
    """Read any image that is kept as a file or a DICOM folder, one number per voxel.

    Args:
        path: the file or folder.
        what: "image" or "label map", what messages call it.

    Raises:
        InputError: missing, unreadable, damaged, or of a kind that is not read; colour, 4D; voxels that are NaN.
    """
    path = Path(path)
    check_readable_path(path, what)
    try:
        with native_messages_dropped():
            volume = _read(path, what)
    except (RuntimeError, OSError, EOFError, zlib.error, DamagedFile) as error:
        raise InputError(
            f"The {what} {path} cannot be read ({_reason(error)}); it must be an intact NIfTI, NRRD, or MetaImage "
            "file, a DICOM folder, or (for segment) a picture."
        ) from error
    check_grid(volume, what)
    return volume


def _read(path: Path, what: str) -> Volume:
    if path.is_dir():
        return read_dicom_folder(path)
    kind = kind_of_file(path, what)
    if kind is None:
        raise DamagedFile("unknown or damaged kind of file")
    if kind is FileKind.DICOM:
        return read_dicom_file(path)
    header = HEADERS[kind](path) if kind in HEADERS else None
    if header is not None and len(header.sizes) > _MOST_DIMENSIONS:
        raise _dimensions_error(path, what, header.sizes)
    if header is not None:
        regular_file_size(header.voxels.path)
    reader = sitk.ImageFileReader()
    reader.SetImageIO(kind.value)
    reader.SetFileName(str(path))
    with contextlib.ExitStack() as stack:
        refused = False
        try:
            reader.ReadImageInformation()
        except RuntimeError as error:
            refused = kind is FileKind.NIFTI and "orthonormal" in str(error)
            if not refused:
                raise
            stack.enter_context(_sheared_sform_read())
            reader.ReadImageInformation()
        _check_header(reader, path, what)
        if header is not None:
            check_all_finite(header.voxels.check(), path, what)
        image = reader.Execute()
    if image.GetDimension() == 4:
        image = image[:, :, :, 0]
    volume = Volume.of(image, path, None if header is None else header.nifti)
    if refused and volume.array.ndim == 3:
        volume = _on_sform(volume)
    check_nifti_placement(volume, what)
    return volume


def _on_sform(volume: Volume) -> Volume:
    """The volume on the grid with right angles that is nearest to its sform, which ITK refused."""
    sform = _placements(volume)[0]
    return replace(volume, origin=sform.origin, direction=sform.direction)


def _placements(volume: Volume) -> list[Grid]:
    """Where sform and qform of a NIfTI file put a volume, sform first, each with right angles."""
    grids = []
    for affine in [] if volume.nifti is None or volume.array.ndim != 3 else volume.nifti.affines():
        cosines = affine[:3, :3] / volume.spacing[::-1]
        grid = replace(volume.grid, origin=tuple(affine[:3, 3].tolist()), direction=tuple(cosines.ravel().tolist()))
        grids.append(grid.with_right_angles())
    return grids


@contextlib.contextmanager
def _sheared_sform_read() -> Iterator[None]:
    """Let ITK read the voxels of a NIfTI file whose sform is sheared.

    The direction that it then gives is the inverse of the nearest one (ITK 5.4), and not to be used.
    """
    before = os.environ.get(_PERMISSIVE)
    os.environ[_PERMISSIVE] = "YES"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_PERMISSIVE]
        else:
            os.environ[_PERMISSIVE] = before


def _check_header(reader: sitk.ImageFileReader, path: Path, what: str) -> None:
    """Refuse the wrong number of dimensions or components before the voxels are read; a single time point passes."""
    size, components = reader.GetSize(), reader.GetNumberOfComponents()
    pixel_type = sitk.GetPixelIDValueAsString(reader.GetPixelID())
    if "complex" in pixel_type:
        raise InputError(f"The {what} {path} has complex numbers; save their magnitude as a real image first.")
    if components != 1:
        raise InputError(
            f"The {what} {path} has {components} components per voxel (colour, vectors, or layers), but one number "
            "per voxel is needed; convert it to a scalar (grey) image first."
        )
    if len(size) not in (2, 3) and not (len(size) == 4 and size[3] == 1):
        raise _dimensions_error(path, what, size)


def _dimensions_error(path: Path, what: str, size: Sequence[int]) -> InputError:
    text = " x ".join(str(count) for count in size[:_MOST_DIMENSIONS])
    more = " x ..." if len(size) > _MOST_DIMENSIONS else ""
    return InputError(
        f"The {what} {path} has {len(size)} dimensions (size {text}{more}), but 3 are needed; save one volume of it, "
        "for instance one time point, as a file of its own."
    )


def _reason(error: BaseException) -> str:
    """The telling end of a message, on one line, without the address of an object in memory."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split())
    if "Zero-valued spacing" in text:
        return "its header gives the voxels the size 0 in some direction, as of a localizer"
    for marker in ("ITK ERROR: ", "itk::ERROR: ", "sitk::ERROR: "):
        text = text.rpartition(marker)[2]
    return re.sub(r"\w*\(?0x[0-9a-fA-F]+\)?:? *", "", text).rstrip(".") or type(error).__name__
