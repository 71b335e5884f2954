"""Looks at the voxels as they lie in a file, for what ITK passes over in silence.

ITK reads truncated files, does not look at the checksums of compressed ones, reads NaN in NIfTI as 0, and dies of text
where it expects other text.
"""

import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from PatchICLLib.images.nifti_geometry import NiftiGeometry

_CHUNK = 1 << 22
_LONGEST_HEADER = 1 << 20  # bytes


class DamagedFile(ValueError):
    """A file is not what its header says; the message, a clause that begins with "it" or "its", says how."""


@dataclass(frozen=True)
class StoredVoxels:
    """Where a file keeps its voxels, as its header announces them.

    Attributes:
        path: the file that holds them.
        encoding: "raw", "gzip", "zlib", or "text".
        start: first byte of the encoded stream.
        skip: bytes of the decoded stream before the first voxel.
        count: numbers in all.
        kind: numpy type of one number, with its byte order.
        exact: whether the decoded stream must end with the last voxel.
    """

    path: Path
    encoding: str
    start: int
    skip: int
    count: int
    kind: np.dtype
    exact: bool = False

    def check(self) -> int:
        """Check that all voxels are there and that checksums fit.

        Returns:
            The number of voxels that are NaN or infinite.

        Raises:
            DamagedFile: too short, or not decodable.
            OSError, EOFError, zlib.error: the compressed stream is damaged, or the file cannot be read.
        """
        length = self.count * self.kind.itemsize
        size = regular_file_size(self.path)
        if self.encoding == "raw" and self.kind.kind not in "fc":
            found = max(0, size - self.start - self.skip)
            not_finite = 0
        else:
            with self.path.open("rb") as stream:
                stream.seek(self.start)
                if self.encoding == "text":
                    return self._check_text(stream.read())
                found, not_finite = self._scan(stream)
        if found < length:
            raise DamagedFile(f"it ends after {found} of {length} bytes of voxels")
        if self.exact and found > length:
            raise DamagedFile(f"it holds {found} bytes of voxels, but its header announces {length}")
        return not_finite

    def _scan(self, stream: BinaryIO) -> tuple[int, int]:
        """Bytes from the first voxel to the end, and how many of the announced numbers are not finite."""
        position, end, not_finite, rest = -self.skip, self.count * self.kind.itemsize, 0, b""
        for chunk in _decoded(stream, self.encoding):
            if self.kind.kind in "fc":
                data = rest + chunk[max(0, -position) : max(0, end - position)]
                whole = len(data) // self.kind.itemsize * self.kind.itemsize
                not_finite += int(np.count_nonzero(~np.isfinite(np.frombuffer(data[:whole], self.kind))))
                rest = data[whole:]
            position += len(chunk)
        return max(0, position), not_finite

    def _check_text(self, text: bytes) -> int:
        try:
            numbers = np.array(text.replace(b",", b" ").split(), np.float64)
        except ValueError as error:
            raise DamagedFile("it announces voxels written as text, but holds something else") from error
        if numbers.size < self.count:
            raise DamagedFile(f"it ends after {numbers.size} of {self.count} voxels")
        return int(np.count_nonzero(~np.isfinite(numbers[: self.count])))


@dataclass(frozen=True)
class ImageHeader:
    """What the header of an image file says.

    Attributes:
        sizes: number of voxels, i first; components may be among them.
        voxels: where they lie in the file.
        nifti: where they lie in the patient, if it is a NIfTI file.
        kinds: what an NRRD file's sizes count, if it says so: "domain", "list", ...
    """

    sizes: tuple[int, ...]
    voxels: StoredVoxels
    nifti: NiftiGeometry | None = None
    kinds: tuple[str, ...] = ()


def regular_file_size(path: Path) -> int:
    """Length of a file in bytes.

    Raises:
        DamagedFile: it does not exist, or is something that reading might wait for without end, such as a pipe.
    """
    try:
        state = os.stat(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DamagedFile(f"its voxels should lie in the file {path.name}, but: {reason}") from error
    if not stat.S_ISREG(state.st_mode):
        raise DamagedFile(f"its voxels should lie in {path.name}, which is not a file")
    return state.st_size


def _decoded(stream: BinaryIO, encoding: str) -> Iterator[bytes]:
    if encoding == "zlib":
        yield from _inflated(stream)
        return
    with gzip.GzipFile(fileobj=stream) if encoding == "gzip" else stream as content:
        while chunk := content.read(_CHUNK):
            yield chunk


def _inflated(stream: BinaryIO) -> Iterator[bytes]:
    """A stream with zlib's or gzip's frame, its checksum verified at the end; what follows is not looked at."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS + 32)
    while not unpacker.eof:
        packed = unpacker.unconsumed_tail or stream.read(_CHUNK)
        if not packed:
            raise EOFError("its compressed voxels end early")
        yield unpacker.decompress(packed, _CHUNK)


def header_lines(stream: io.BufferedReader) -> Iterator[str]:
    """The lines of a text header, without their ends, one byte a letter.

    Raises:
        DamagedFile: no end within 1 MiB, or the file ends within the header.
    """
    while stream.tell() < _LONGEST_HEADER:
        line = stream.readline(_LONGEST_HEADER)
        if not line.endswith(b"\n"):
            break
        yield line.decode("latin-1").rstrip("\r\n")
    raise DamagedFile("it ends within its header")


def data_file(header: Path, named: str) -> Path:
    """The file beside a header that holds the voxels.

    Raises:
        DamagedFile: there are several.
    """
    if named.upper().startswith("LIST") or "%" in named:
        raise DamagedFile("its voxels are spread over several files; save it as one file")
    return header.parent / os.fsdecode(named.encode("latin-1"))


def whole_numbers(text: str, name: str) -> list[int]:
    """The numbers of a header's field.

    Raises:
        DamagedFile: something else stands there.
    """
    words = text.split()
    if not words or not all(word.lstrip("+-").isascii() and word.lstrip("+-").isdigit() for word in words):
        raise DamagedFile(f"its header has {name} {text[:40]!r} where whole numbers are needed")
    if any(len(word) > 18 for word in words):
        raise DamagedFile(f"its header has {name} {text[:40]!r}, which is too large")
    return [int(word) for word in words]


def voxel_count(sizes: list[int]) -> int:
    """How many voxels an image of such sizes has.

    Raises:
        DamagedFile: a size that is 0 or negative.
    """
    count = 1
    for size in sizes:
        if size < 1:
            text = " x ".join(str(one) for one in sizes)
            raise DamagedFile(f"its header announces the size {text}, but every size must be 1 or larger")
        count *= size
    return count
