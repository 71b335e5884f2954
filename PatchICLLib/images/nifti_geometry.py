"""The fields by which a NIfTI file says where its voxels lie, kept as they are.

A NIfTI file may hold two placements, qform and sform, which need not agree. ITK takes one of them; other programs take
the other. What is computed from such an image must hold the same two, or it lies elsewhere for somebody.
"""

from __future__ import annotations

import gzip
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HEADER_LENGTH = 348
_LEVEL = 1  # of gzip: higher ones take many times as long for little
# numpy types, without byte order, of the fields from the byte on (NIfTI-1 data format, nifti1.h)
_UNITS = slice(123, 124)
_FIELDS = ((76, "f4", 8), (252, "i2", 2), (256, "f4", 18))  # pixdim; codes of qform and sform; quaternion to srow


@dataclass(frozen=True)
class NiftiGeometry:
    """pixdim, xyzt_units, codes, quaternion, offsets and srow of a NIfTI-1 header, each number as it is stored."""

    units: int
    pixdim: np.ndarray
    codes: np.ndarray
    forms: np.ndarray

    @classmethod
    def of_header(cls, header: bytes, order: str) -> NiftiGeometry:
        """From the 348 bytes of a header in byte order "<" or ">"."""
        fields = (np.frombuffer(header, np.dtype(f"{order}{kind}"), count, at) for at, kind, count in _FIELDS)
        pixdim, codes, forms = (field.astype(field.dtype.newbyteorder("<")) for field in fields)
        return cls(header[_UNITS][0], pixdim, codes, forms)

    @property
    def millimetres(self) -> float:
        """How many millimetres the file's unit of length is; unknown units count as millimetres."""
        return {1: 1000.0, 3: 0.001}.get(self.units & 7, 1.0)

    def affines(self) -> list[np.ndarray]:
        """The placements that the file holds: (4, 4) matrices from (i, j, k) to LPS in millimetres, sform first."""
        found = []
        qform_code, sform_code = self.codes
        forms = self.forms.astype(float)
        if sform_code > 0:
            found.append(np.vstack([forms[6:18].reshape(3, 4), [0, 0, 0, 1]]))
        if qform_code > 0:
            found.append(_affine_of_quaternion(forms[:3], forms[3:6], self.pixdim.astype(float)))
        to_lps = np.diag([-1.0, -1.0, 1.0, 1.0])
        scale = np.diag([self.millimetres] * 3 + [1.0])
        return [to_lps @ scale @ affine for affine in found]

    def put_into(self, path: Path) -> None:
        """Replace these fields of an uncompressed, little-endian NIfTI file."""
        with path.open("r+b") as stream:
            for (at, _, _), numbers in zip(_FIELDS, (self.pixdim, self.codes, self.forms), strict=True):
                stream.seek(at)
                stream.write(numbers.tobytes())
            stream.seek(_UNITS.start)
            stream.write(bytes([self.units]))


def compress(plain: Path, packed: Path) -> None:
    """Replace the file `plain` by `packed`, the same with gzip."""
    # neither name nor time in the stream: the same voxels give the same file
    with plain.open("rb") as source, packed.open("wb") as target, gzip.GzipFile("", "wb", _LEVEL, target, 0) as stream:
        shutil.copyfileobj(source, stream, 1 << 22)
    plain.unlink()


def _affine_of_quaternion(bcd: np.ndarray, offset: np.ndarray, pixdim: np.ndarray) -> np.ndarray:
    """(4, 4) matrix of a qform (nifti1.h, method 2)."""
    b, c, d = bcd
    a = np.sqrt(max(0.0, 1.0 - float(bcd @ bcd)))
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    handed = -1.0 if pixdim[0] < 0 else 1.0
    affine = np.eye(4)
    affine[:3, :3] = rotation * (np.abs(pixdim[1:4]) * [1, 1, handed])
    affine[:3, 3] = offset
    return affine
