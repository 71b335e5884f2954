"""Looks into NIfTI files for what SimpleITK passes over in silence.

It reads truncated files, on a full disk writes them, and reads NaN and infinity as 0, all without an error.
"""

from __future__ import annotations

import gzip
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

_CHUNK = 1 << 22
_HEADER = 348  # bytes of a NIfTI-1 header; SimpleITK refuses NIfTI-2 by itself
_FLOAT_TYPES = {16: "f4", 64: "f8"}  # NIfTI's DT_FLOAT32 and DT_FLOAT64


@dataclass(frozen=True)
class _Layout:
    """Where the voxels lie: first byte, bytes in all, and their numpy type if they are real numbers."""

    offset: int
    length: int
    real_type: np.dtype | None


def check_nifti_file(path: Path) -> int:
    """Check that a NIfTI file is as long as its header announces; other kinds of file pass.

    Returns:
        The number of voxels that are NaN or infinite; 0 for other kinds of file.

    Raises:
        EOFError: the file ends early.
        OSError, zlib.error: the header or the compressed stream is damaged, or the file cannot be read.
    """
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        return 0
    with path.open("rb") as stream:
        compressed = stream.read(2) == b"\x1f\x8b"
    with gzip.open(path, "rb") if compressed else path.open("rb") as unpacked:
        content = cast(BinaryIO, unpacked)
        layout = _layout(content.read(_HEADER))
        if compressed or layout.real_type is not None:
            content.seek(layout.offset)
            length, not_finite = _scan(content, layout.real_type)
        else:
            length, not_finite = path.stat().st_size - layout.offset, 0
    if length < layout.length:
        raise EOFError(f"it ends after {max(0, length)} of {layout.length} bytes of voxels")
    return not_finite


def _scan(content: BinaryIO, real_type: np.dtype | None) -> tuple[int, int]:
    """Bytes until the end, and how many of the real numbers in them are not finite."""
    length, not_finite, rest = 0, 0, b""
    while chunk := content.read(_CHUNK):
        length += len(chunk)
        if real_type is not None:
            data = rest + chunk
            whole = len(data) // real_type.itemsize * real_type.itemsize
            not_finite += int(np.count_nonzero(~np.isfinite(np.frombuffer(data[:whole], real_type))))
            rest = data[whole:]
    return length, not_finite


def _layout(header: bytes) -> _Layout:
    """Read the NIfTI-1 header, in either byte order."""
    if len(header) < _HEADER:
        raise EOFError("it ends within its header")
    for order in "<>":
        if struct.unpack_from(f"{order}i", header)[0] != _HEADER:
            continue
        dimensions = struct.unpack_from(f"{order}8h", header, 40)
        kind, bits = struct.unpack_from(f"{order}2h", header, 70)
        (offset,) = struct.unpack_from(f"{order}f", header, 108)
        voxels = math.prod(max(1, count) for count in dimensions[1 : 1 + dimensions[0]])
        real = _FLOAT_TYPES.get(kind)
        return _Layout(int(offset), voxels * bits // 8, None if real is None else np.dtype(f"{order}{real}"))
    raise OSError("its NIfTI header is damaged")
