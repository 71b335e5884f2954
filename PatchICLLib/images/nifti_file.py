"""Reads the header of a NIfTI-1 or Analyze file, a single one or a pair of .hdr and .img."""

import gzip
import math
import struct
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from PatchICLLib.images.nifti_geometry import HEADER_LENGTH, NiftiGeometry
from PatchICLLib.images.stored_voxels import DamagedFile, ImageHeader, StoredVoxels, regular_file_size, voxel_count

# numpy type and numbers per voxel of NIfTI's data types
_TYPES = {
    2: ("u1", 1), 4: ("i2", 1), 8: ("i4", 1), 16: ("f4", 1), 32: ("c8", 1), 64: ("f8", 1), 128: ("u1", 3),
    256: ("i1", 1), 512: ("u2", 1), 768: ("u4", 1), 1024: ("i8", 1), 1280: ("u8", 1), 1792: ("c16", 1),
    2304: ("u1", 4),
}  # fmt: skip
_SINGLE, _PAIR = b"n+1\0", b"ni1\0"


def read_nifti_header(path: Path) -> ImageHeader:
    """Read and check the header.

    Args:
        path: .nii, .nii.gz, .hdr, .hdr.gz, .img or .img.gz.

    Raises:
        DamagedFile: it contradicts itself.
        OSError, EOFError, zlib.error: it cannot be read or decompressed.
    """
    header_path = _partner(path, ".img", ".hdr")
    header = _first_bytes(header_path)
    if len(header) < HEADER_LENGTH:
        raise DamagedFile("it ends within its header")
    order = next((one for one in "<>" if struct.unpack_from(f"{one}i", header)[0] == HEADER_LENGTH), None)
    if order is None:
        raise DamagedFile("its NIfTI header is damaged")
    magic = header[344:348]
    dimensions = struct.unpack_from(f"{order}8h", header, 40)
    if not 1 <= dimensions[0] <= 7:
        raise DamagedFile(f"its header announces {dimensions[0]} dimensions")
    sizes = tuple(dimensions[1 : 1 + dimensions[0]])
    (kind,) = struct.unpack_from(f"{order}h", header, 70)
    if kind not in _TYPES:
        raise DamagedFile(f"its voxels are of NIfTI's data type {kind}, which is unknown")
    scalar, components = _TYPES[kind]
    single = magic == _SINGLE
    data_path = path if single else _partner(header_path, ".hdr", ".img")
    if data_path == header_path and not single:
        raise DamagedFile("its NIfTI header is damaged (magic)")
    voxels = StoredVoxels(
        path=data_path,
        encoding="gzip" if _is_gzip(data_path) else "raw",
        start=0,
        skip=_first_voxel(header, order, single),
        count=voxel_count(list(sizes)) * components,
        kind=np.dtype(f"{order}{scalar}"),
    )
    _check_scaling(header, order)
    geometry = None
    if magic in (_SINGLE, _PAIR):
        geometry = NiftiGeometry.of_header(header, order)
        _check_geometry(geometry, len(sizes))
    return ImageHeader(sizes, voxels, geometry)


def _first_voxel(header: bytes, order: str, single: bool) -> int:
    (offset,) = struct.unpack_from(f"{order}f", header, 108)
    if not (math.isfinite(offset) and offset == int(offset) and offset >= (HEADER_LENGTH if single else 0)):
        raise DamagedFile(f"its header says that the voxels begin at byte {offset:g} (vox_offset)")
    return int(offset)


def _check_scaling(header: bytes, order: str) -> None:
    slope, intercept = struct.unpack_from(f"{order}2f", header, 112)
    if math.isinf(slope) or (slope != 0 and not math.isnan(slope) and not math.isfinite(intercept)):
        raise DamagedFile(f"its header scales the voxels by {slope:g} and adds {intercept:g}")


def _check_geometry(geometry: NiftiGeometry, dimension: int) -> None:
    spacing = geometry.pixdim[1 : 1 + min(3, dimension)]
    if not (np.isfinite(spacing).all() and spacing.all()):
        text = " x ".join(f"{value:g}" for value in spacing)
        raise DamagedFile(f"its header gives the voxels the size {text}, but every size must be a number above 0")
    # only the numbers of a placement that counts must be some
    with np.errstate(invalid="ignore"):
        affines = geometry.affines()
    if not all(np.isfinite(affine).all() for affine in affines):
        raise DamagedFile("its header places the voxels at numbers that are not finite (qform or sform)")


def _first_bytes(path: Path) -> bytes:
    with gzip.open(path, "rb") if _is_gzip(path) else path.open("rb") as stream:
        return cast(BinaryIO, stream).read(HEADER_LENGTH)


def _is_gzip(path: Path) -> bool:
    regular_file_size(path)
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def _partner(path: Path, ending: str, other: str) -> Path:
    """The file of a pair that goes with this one, compressed or not, if its name has the ending; else itself."""
    name = path.name.removesuffix(".gz")
    if not name.lower().endswith(ending):
        return path
    stem = name[: -len(ending)]
    endings = (other, other.upper(), f"{other}.gz")
    candidates = [path.with_name(stem + one) for one in endings]
    return next((one for one in candidates if one.exists()), candidates[0])
