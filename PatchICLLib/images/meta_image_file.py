"""Reads the header of a MetaImage file (.mha, or .mhd with a data file beside it)."""

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

# MET_ValueTypeSize in MetaIO's metaTypes.h: "long" has 4 bytes everywhere
_KINDS = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4",
    "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}  # fmt: skip
_ARRAY = "_ARRAY"


def read_meta_image_header(path: Path) -> ImageHeader:
    """Read and check the header.

    Raises:
        DamagedFile: it lacks something, or contradicts itself or its data file.
        OSError: it cannot be read.
    """
    fields: dict[str, str] = {}
    with path.open("rb") as stream:
        for line in header_lines(stream):
            key, equals, value = line.partition("=")
            if not equals:
                raise DamagedFile(f"its header has the line {line[:40]!r}")
            fields[key.strip()] = value.strip()
            if key.strip() == "ElementDataFile":
                break
        start = stream.tell()
    missing = [name for name in ("NDims", "DimSize", "ElementType") if name not in fields]
    if missing:
        raise DamagedFile(f"its MetaImage header lacks {', '.join(missing)}")
    sizes = whole_numbers(fields["DimSize"], "DimSize")
    if whole_numbers(fields["NDims"], "NDims") != [len(sizes)]:
        raise DamagedFile(f"its header announces {fields['NDims']} dimensions, but {len(sizes)} sizes")
    kind = _KINDS.get(fields["ElementType"].removesuffix(_ARRAY))
    if kind is None:
        raise DamagedFile(f"its voxels are of type {fields['ElementType'][:40]!r}, which is not supported")
    components = whole_numbers(fields.get("ElementNumberOfChannels", "1"), "ElementNumberOfChannels")
    count = voxel_count([*sizes, *components])
    big = next((fields[name] for name in ("BinaryDataByteOrderMSB", "ElementByteOrderMSB") if name in fields), "F")
    number = np.dtype(kind).newbyteorder(">" if _is_true(big) else "<")
    data_path = path
    if fields["ElementDataFile"].upper() != "LOCAL":
        data_path, start = data_file(path, fields["ElementDataFile"]), 0
    (skip,) = whole_numbers(fields.get("HeaderSize", "0"), "HeaderSize")[:1]
    encoding = "raw"
    if not _is_true(fields.get("BinaryData", "T")):
        encoding = "text"
    elif _is_true(fields.get("CompressedData", "F")):
        encoding = "zlib"
    if skip == -1 and encoding == "raw":
        start = max(start, regular_file_size(data_path) - count * number.itemsize)
    elif skip > 0:
        start = skip
    elif skip != 0:
        raise DamagedFile(f"its header has the HeaderSize {skip}")
    return ImageHeader(
        tuple(sizes), StoredVoxels(data_path, encoding, start, 0, count, number, exact=encoding == "zlib")
    )


def _is_true(text: str) -> bool:
    return text[:1] in ("T", "t", "1")
