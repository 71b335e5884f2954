"""Finds truncated NIfTI files, which SimpleITK reads, and on a full disk writes, without an error."""

from __future__ import annotations

import gzip
import math
import struct
from pathlib import Path
from typing import BinaryIO, cast

_CHUNK = 1 << 22
_HEADER_BYTES = {348: 1, 540: 2}


def check_nifti_length(path: Path) -> None:
    """Compare a NIfTI file's length with what its header announces; other kinds of file pass.

    Raises:
        EOFError: the file ends early.
        OSError, zlib.error: the compressed stream is damaged, or the file cannot be read.
    """
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        return
    with path.open("rb") as stream:
        compressed = stream.read(2) == b"\x1f\x8b"
    with gzip.open(path, "rb") if compressed else path.open("rb") as unpacked:
        content = cast(BinaryIO, unpacked)
        header = content.read(540)
        announced = _announced_length(header)
        length = len(header)
        if compressed:
            while chunk := content.read(_CHUNK):
                length += len(chunk)
        else:
            length = path.stat().st_size
    if length < announced:
        raise EOFError(f"it ends after {length} of {announced} bytes")


def _announced_length(header: bytes) -> int:
    """Offset of the voxels plus their number times their size, by the NIfTI-1 or NIfTI-2 header."""
    if len(header) < 348:
        raise EOFError("it ends within its header")
    for order in "<>":
        version = _HEADER_BYTES.get(struct.unpack_from(f"{order}i", header)[0])
        if version == 1:
            dimensions = struct.unpack_from(f"{order}8h", header, 40)
            bits, offset = (
                struct.unpack_from(f"{order}h", header, 72)[0],
                struct.unpack_from(f"{order}f", header, 108)[0],
            )
        elif version == 2:
            dimensions = struct.unpack_from(f"{order}8q", header, 16)
            bits, offset = (
                struct.unpack_from(f"{order}h", header, 14)[0],
                struct.unpack_from(f"{order}q", header, 168)[0],
            )
        else:
            continue
        voxels = math.prod(max(1, count) for count in dimensions[1 : 1 + dimensions[0]])
        return int(offset) + voxels * bits // 8
    raise OSError("its NIfTI header is damaged")
