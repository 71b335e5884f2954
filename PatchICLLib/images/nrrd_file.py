"""Reads the header of a NRRD file (.nrrd, or .nhdr with a data file beside it)."""

import os
from pathlib import Path

import numpy as np

from PatchICLLib.images.stored_voxels import (
    DamagedFile,
    ImageHeader,
    StoredVoxels,
    data_file,
    header_lines,
    regular_file_size,
    voxel_count,
    whole_numbers,
)

# https://teem.sourceforge.net/nrrd/format.html, "type"
_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": (
        "longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t",
    ),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}  # fmt: skip
_KINDS = {name: kind for kind, names in _TYPES.items() for name in names}
_LONGEST_FIELD = 900  # ITK's reader copies what it does not understand into 1,000 bytes
_ENCODINGS = {"raw": "raw", "gzip": "gzip", "gz": "gzip", "txt": "text", "text": "text", "ascii": "text"}


def read_nrrd_header(path: Path) -> ImageHeader:
    """Read and check the header.

    Raises:
        DamagedFile: it lacks something, or contradicts itself or its data file.
        OSError: it cannot be read.
    """
    fields: dict[str, str] = {}
    with path.open("rb") as stream:
        for line in header_lines(stream):
            if not line:
                break
            key, colon, value = line.partition(":")
            free = line.startswith("#") or value.startswith("=") or key.strip().lower() == "content"
            if len(line) > _LONGEST_FIELD and not free:
                raise DamagedFile(f"a line of its header has {len(line)} characters: {line[:40]!r}")
            if colon and not key.startswith("#") and not value.startswith("="):
                fields.setdefault(key.strip().lower().replace("datafile", "data file"), value.strip())
            if "data file" in fields and stream.tell() == os.fstat(stream.fileno()).st_size:
                break  # a header that stands alone needs no empty line
        start = stream.tell()
    missing = [name for name in ("type", "dimension", "sizes", "encoding") if name not in fields]
    if missing:
        raise DamagedFile(f"its NRRD header lacks {', '.join(missing)}")
    sizes = whole_numbers(fields["sizes"], "sizes")
    if whole_numbers(fields["dimension"], "dimension") != [len(sizes)]:
        raise DamagedFile(f"its header announces {fields['dimension']} dimensions, but {len(sizes)} sizes")
    kind, encoding = _KINDS.get(fields["type"].lower()), _ENCODINGS.get(fields["encoding"].lower())
    if kind is None:
        raise DamagedFile(f"its voxels are of type {fields['type'][:40]!r}, which is not supported")
    if encoding is None:
        raise DamagedFile(f"its encoding {fields['encoding'][:40]!r} is not supported; save it as raw or gzip")
    endian = fields.get("endian", "little").lower()
    if endian not in ("little", "big"):
        raise DamagedFile(f"its header has the unknown byte order {endian[:40]!r}")
    data_path = path
    if "data file" in fields:
        data_path, start = data_file(path, fields["data file"]), 0
    kind_of_number = np.dtype(kind).newbyteorder("<" if endian == "little" else ">")
    count = voxel_count(sizes)
    lines = _skip(fields, "line skip", "lineskip")
    skip = _skip(fields, "byte skip", "byteskip")
    if lines:
        start = _after_lines(data_path, start, lines)
    if skip < 0:
        if skip != -1 or encoding != "raw":
            raise DamagedFile(f"its header skips {skip} bytes")
        start, skip = max(start, regular_file_size(data_path) - count * kind_of_number.itemsize), 0
    exact = encoding == "gzip"
    voxels = StoredVoxels(data_path, encoding, start, skip, count, kind_of_number, exact)
    return ImageHeader(tuple(sizes), voxels, kinds=tuple(fields.get("kinds", "").lower().split()))


def _skip(fields: dict[str, str], *names: str) -> int:
    text = next((fields[name] for name in names if name in fields), "0")
    (number, *_rest) = whole_numbers(text, names[0])
    return number


def _after_lines(path: Path, start: int, lines: int) -> int:
    regular_file_size(path)
    with path.open("rb") as stream:
        stream.seek(start)
        for _ in range(lines):
            if not stream.readline():
                raise DamagedFile("it ends within the lines that its header skips")
        return stream.tell()
