"""Slicer's segmentation file, `.seg.nrrd`: NRRD with a list of layers and what is known of each segment.

The keys are those of Slicer's vtkMRMLSegmentationStorageNode: ``Segment<n>_ID``, ``_Name``, ``_Color``, ``_Tags``,
``_LabelValue``, ``_Layer``, ``_Extent`` and further ones, which are kept as they are.
"""

import contextlib
import gzip
import re
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import nrrd
import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.images import Grid, Volume
from PatchICLLib.images.checks import FARTHEST
from PatchICLLib.segmentations.placing import placed
from PatchICLLib.segmentations.segmentation import Placed, Segment, Segmentation, layered

ENDING = ".seg.nrrd"
_SEGMENT_KEY = re.compile(r"Segment(\d+)_(\w+)")
_OWN_FIELDS = ("ID", "Name", "Color", "Tags", "LabelValue", "Layer", "Extent")
_LONGEST_HEADER = 1 << 24  # bytes
_TYPES = {1: "char", 2: "short", 4: "int", 8: "long long"}
_TO_LPS = {
    "left-posterior-superior": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
}
_DEFAULT_COLORS = ((0.5, 0.68, 0.5), (0.95, 0.84, 0.57), (0.69, 0.48, 0.4), (0.44, 0.72, 0.82), (0.85, 0.4, 0.31))


def read_slicer_file(path: Path, like: Volume) -> Segmentation:
    """Read a `.seg.nrrd` file onto the grid of an image.

    Args:
        path: of the file.
        like: the image. The file may cover a part of its lattice, or its axes in another order.

    Returns:
        Labels are 1 to n in the order of the file's segments.

    Raises:
        InputError: unreadable or damaged, no label map, another lattice, or something painted beyond the image.
    """
    try:
        with path.open("rb") as stream:
            header, known = _read_header(stream)
            start = stream.tell()
            if str(header.get("encoding")).lower() in ("gzip", "gz"):
                _check_whole(stream)
            stream.seek(start)
            data = nrrd.read_data(header, stream, str(path), index_order="F")
    except (nrrd.NRRDError, OSError, ValueError, EOFError, zlib.error, KeyError, IndexError) as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise InputError(f"The segmentation {path} cannot be read ({reason}); save it again.") from error
    layers, grid = _layers(data, header, path)
    numbers = _segment_numbers(known)
    if not numbers:
        return _without_names(layers, grid, like, path)
    masks, segments = {}, []
    values: dict[int, set[int]] = {}
    for label, number in enumerate(numbers, start=1):
        fields = _fields_of(known, number)
        layer = _whole(fields, "Layer", number, path, 0)
        value = _whole(fields, "LabelValue", number, path, 1)  # 0 is where none is
        if layer >= len(layers):
            raise InputError(
                f"The segmentation {path} is damaged: segment {number} lies in layer {layer}; save it again."
            )
        values.setdefault(layer, set()).add(value)
        masks[label] = placed(layers[layer] == value, grid, like.grid, f"segmentation {path}")
        segments.append(_segment(label, fields))
    _check_all_named(layers, values, path)
    of_all = {key: value for key, value in known.items() if key.startswith("Segmentation_")}
    return Segmentation(layered(masks, like.array.shape), tuple(segments), of_all)


def write_slicer_file(path: Path, segmentation: Segmentation, like: Volume) -> None:
    """Write a `.seg.nrrd` file as Slicer does.

    Args:
        path: of the file.
        segmentation: its labels without a segment get names.
        like: the image, for the lattice.

    Raises:
        OSError: it cannot be written completely.
    """
    array = segmentation.array
    layers = array if array.ndim == 4 else array[None]
    several = len(layers) > 1
    steps = like.grid.steps  # column c: along axis c of (i, j, k)
    sizes = [*([len(layers)] if several else []), *reversed(array.shape[-3:])]
    directions = ["none"] * several + [_vector(steps[:, axis]) for axis in range(3)]
    fields = {
        "type": f"{'unsigned' if array.dtype.kind == 'u' else 'signed'} {_TYPES[array.dtype.itemsize]}",
        "dimension": str(len(sizes)),
        "space": "left-posterior-superior",
        "sizes": " ".join(map(str, sizes)),
        "space directions": " ".join(directions),
        "kinds": " ".join(["list"] * several + ["domain"] * 3),
        "endian": "little",
        "encoding": "gzip",
        "space origin": _vector(like.origin),
    }
    known = _known(segmentation, layers)
    text = "NRRD0004\n" + "".join(f"{name}: {value}\n" for name, value in fields.items())
    text += "".join(f"{key}:={_one_line(value)}\n" for key, value in known.items()) + "\n"
    voxels = np.moveaxis(layers, 0, -1) if several else layers[0]
    with path.open("wb") as stream:
        stream.write(text.encode())
        with gzip.GzipFile(filename="", mode="wb", fileobj=stream, compresslevel=4, mtime=0) as packed:
            for plane in voxels:
                packed.write(np.ascontiguousarray(plane, array.dtype.newbyteorder("<")).data)


def _known(segmentation: Segmentation, layers: np.ndarray) -> dict[str, str]:
    """What the file says of its segments and of the whole."""
    known: dict[str, str] = {}
    for number, segment in enumerate(segmentation.segments or _unnamed(layers)):
        layer = next((n for n, one in enumerate(layers) if (one == segment.label).any()), 0)
        fields = {
            **segment.fields,
            "ID": segment.identifier or f"Segment_{segment.label}",
            "Name": segment.name,
            "Color": " ".join(f"{part:.6g}" for part in segment.color or _color_of(segment.label)),
            "Tags": "".join(f"{name}:{value}|" for name, value in segment.tags.items()),
            "LabelValue": str(segment.label),
            "Layer": str(layer),
            "Extent": _extent_text(layers[layer] == segment.label),
        }
        known.update({f"Segment{number}_{name}": fields[name] for name in sorted(fields)})
    known.update(segmentation.header)
    known["Segmentation_ReferenceImageExtentOffset"] = "0 0 0"
    known.setdefault("Segmentation_ContainedRepresentationNames", "Binary labelmap|")
    known.setdefault("Segmentation_MasterRepresentation", "Binary labelmap")
    return known


def _read_header(stream: BinaryIO) -> tuple[dict[str, Any], dict[str, str]]:
    """Fields of the format, and keys with values, whose names may be in any script: pynrrd reads ASCII only."""
    fields: list[str] = []
    known: dict[str, str] = {}
    length = 0
    while line := stream.readline(_LONGEST_HEADER):
        length += len(line)
        text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
        if length > _LONGEST_HEADER:
            raise ValueError("its header does not end")
        if not text:
            break
        key, mark, value = text.partition(":=")
        if mark and not text.startswith("#"):
            known[key] = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        else:
            fields.append(text)
    return nrrd.read_header(fields), known


def _check_whole(stream: BinaryIO) -> None:
    """Raises OSError or EOFError unless the checksum at the stream's end is there and right; pynrrd does not look."""
    with gzip.GzipFile(fileobj=stream) as packed:
        while packed.read(1 << 24):
            pass


def _check_all_named(layers: np.ndarray, values: Mapping[int, set[int]], path: Path) -> None:
    """Raises InputError if a layer holds voxels that belong to no segment: they would be lost."""
    for number, layer in enumerate(layers):
        unknown = sorted(set(np.unique(layer).tolist()) - values.get(number, set()) - {0})
        if unknown:
            raise InputError(
                f"The segmentation {path} has voxels of the value {unknown[0]} that belong to none of its segments; "
                "save it again from 3D Slicer."
            )


def _layers(data: np.ndarray, header: Mapping[str, Any], path: Path) -> tuple[np.ndarray, Grid]:
    """Layers (L, K, J, I) and their grid."""
    signs = _TO_LPS.get(str(header.get("space", "")).lower())
    directions, origin = header.get("space directions"), header.get("space origin")
    if signs is None or directions is None or origin is None or data.ndim not in (3, 4):
        raise InputError(f"The segmentation {path} does not say where its voxels lie; save it again from 3D Slicer.")
    directions = np.array([[np.nan] * 3 if row is None else row for row in directions], float)
    domain = np.isfinite(directions).all(axis=1)
    if domain.sum() != 3 or len(domain) != data.ndim or len(origin) != 3 or data.dtype.kind not in "iu":
        raise InputError(
            f"The segmentation {path} holds no label map of three dimensions (type {data.dtype}); save it again."
        )
    steps = (directions[domain] * np.array(signs)).T  # column c: along axis c of (i, j, k)
    spacing = np.linalg.norm(steps, axis=0)
    if (
        not np.isfinite(origin).all()
        or np.abs(origin).max() > FARTHEST
        or not (spacing > 0).all()
        or abs(np.linalg.det(steps / spacing)) < 1e-3
    ):
        raise InputError(f"The segmentation {path} has voxels without a size or place; save it again.")
    layers = data[None] if data.ndim == 3 else np.moveaxis(data, int(np.flatnonzero(~domain)[0]), 0)
    layers = layers.transpose(0, 3, 2, 1)
    grid = Grid(
        tuple(layers.shape[1:]),
        tuple(float(value) for value in spacing[::-1]),
        tuple(float(value) for value in np.array(origin, float) * signs),
        tuple(float(value) for value in (steps / spacing).ravel()),
    )
    return layers, grid


def _segment_numbers(known: Mapping[str, str]) -> list[int]:
    found = {int(match[1]) for key in known if (match := _SEGMENT_KEY.fullmatch(key)) and match[2] == "ID"}
    return sorted(found)


def _fields_of(known: Mapping[str, str], number: int) -> dict[str, str]:
    prefix = f"Segment{number}_"
    return {key.removeprefix(prefix): value for key, value in known.items() if key.startswith(prefix)}


def _whole(fields: Mapping[str, str], key: str, number: int, path: Path, least: int) -> int:
    """Layer or label value; files older than both have a layer for each segment, with the value 1."""
    text = fields.get(key, str(number) if key == "Layer" else "1")
    value = None
    with contextlib.suppress(ValueError):
        value = int(text)
    if value is None or value < least:
        raise InputError(f"The segmentation {path} is damaged: segment {number} has {key} {text[:40]}; save it again.")
    return value


def _segment(label: int, fields: Mapping[str, str]) -> Segment:
    parts = fields.get("Color", "").split()
    try:
        red, green, blue = (min(max(float(part), 0.0), 1.0) for part in parts)
        color: tuple[float, float, float] | None = (red, green, blue)
    except ValueError:
        color = None
    tags = dict(tag.split(":", 1) for tag in fields.get("Tags", "").split("|") if ":" in tag)
    others = {key: value for key, value in fields.items() if key not in _OWN_FIELDS}
    return Segment(label, fields.get("Name", fields["ID"]), fields["ID"], color, tags, others)


def _without_names(layers: np.ndarray, grid: Grid, like: Volume, path: Path) -> Segmentation:
    """A file without segments is read as Slicer reads it: a segment for each value."""
    masks: dict[int, Placed] = {}
    segments: list[Segment] = []
    for layer in layers:
        for value in np.unique(layer[layer != 0]):
            label = len(masks) + 1
            masks[label] = placed(layer == value, grid, like.grid, f"segmentation {path}")
            segments.append(Segment(label, f"Segment_{value}", f"Segment_{value}"))
    return Segmentation(layered(masks, like.array.shape), tuple(segments))


def _unnamed(layers: np.ndarray) -> tuple[Segment, ...]:
    return tuple(Segment(int(label), f"Segment_{label}") for label in np.unique(layers[layers != 0]))


def _color_of(label: int) -> tuple[float, float, float]:
    return _DEFAULT_COLORS[(label - 1) % len(_DEFAULT_COLORS)]


def _extent_text(mask: np.ndarray) -> str:
    """First and last voxel along i, j, k; Slicer's words for nothing are 0 -1."""
    parts = []
    for axis in (2, 1, 0):
        occupied = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        parts += [f"{occupied[0]} {occupied[-1]}" if len(occupied) else "0 -1"]
    return " ".join(parts)


def _vector(values: Iterable[float]) -> str:
    return f"({','.join(repr(float(value)) for value in values)})"


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())
