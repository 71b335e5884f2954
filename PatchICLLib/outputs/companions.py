"""Which files belong together: headers with their data, weights with their model card."""

import glob
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

DATA_ENDINGS = {".mhd": ".zraw", ".nhdr": ".raw.gz"}  # header formats that are written, and what holds their voxels
_PAIRS = {".hdr": (".img", ".img.gz"), ".img": (".hdr",), ".img.gz": (".hdr",)}
_USUAL_HEADER, _LONGEST_HEADER = 1 << 15, 1 << 22  # bytes; those that list files by name are long
_LIST = re.compile(rb"(?:elementdatafile\s*=|data ?file:)\s*list", re.IGNORECASE)
_MOST_FILES = 100_000
_FURTHER = re.compile(r"-\d{5}-of-\d{5}\.safetensors$")  # as such files are usually called


def companions_of(path: Path) -> list[Path]:
    """The further files in which the content of `path` lies; a file that is missing or unreadable has none.

    MetaImage and NRRD headers name them (one, a list, or a numbered pattern); `.hdr`/`.img` pairs and weights with
    their model card and their further files share a name.
    """
    name = path.name.lower()
    if name.endswith((".mhd", ".mha")):
        return [path.parent / one for one in _named_in(path, _metaimage_names)]
    if name.endswith((".nhdr", ".nrrd")):
        return [path.parent / one for one in _named_in(path, _nrrd_names)]
    if name.endswith(".safetensors"):
        further = sorted(path.parent.glob(glob.escape(path.name[: -len(".safetensors")]) + "-*.safetensors"))
        return [path.with_suffix(".json"), *(one for one in further if is_further(one))]
    for ending, others in _PAIRS.items():
        if name.endswith(ending):
            stem = path.name[: -len(ending)]
            return [path.with_name(stem + case) for other in others for case in (other, other.upper())]
    return []


def is_further(path: Path) -> bool:
    """Whether a file's name says that it is one of several that hold weights, and not the first."""
    return _FURTHER.search(path.name) is not None


def old_data_of(header: Path) -> list[str]:
    """Names of the data files beside a header that were written with it, and that no other header there refers to.

    Only names that `fresh_data_stem` gives count; what else a header refers to is not ours.
    """
    ending = DATA_ENDINGS.get(header.suffix.lower())
    if ending is None:
        return []
    ours = re.compile(re.escape(header.name[: -len(header.suffix)]) + r"(-\d+)?" + re.escape(ending))
    names = {one.name for one in companions_of(header) if one.parent == header.parent and ours.fullmatch(one.name)}
    if names:
        for other in header.parent.iterdir():
            if other.suffix.lower() in (".mhd", ".mha", ".nhdr", ".nrrd") and other.name != header.name:
                names -= {one.name for one in companions_of(other)}
    return sorted(name for name in names if (header.parent / name).is_file())


def fresh_data_stem(header: Path, taken: Collection[str] = ()) -> str | None:
    """What a data file is called, less its ending, that is written with a header: a name that does not exist.

    Args:
        header: to be written.
        taken: names that are promised already.

    Returns:
        The header's own stem if it is free, else with a number; None for a format without a data file.
    """
    ending = DATA_ENDINGS.get(header.suffix.lower())
    if ending is None:
        return None
    own = stem = header.name[: -len(header.suffix)]
    number = 1
    while stem + ending in taken or os.path.lexists(header.parent / (stem + ending)):
        number += 1
        stem = f"{own}-{number}"
    return stem


def _named_in(header: Path, names: Callable[[list[str]], Iterable[str]]) -> list[str]:
    if not header.is_file():  # a pipe would be waited for
        return []
    try:
        with header.open("rb") as stream:
            head = stream.read(_USUAL_HEADER)
            if _LIST.search(head):
                head += stream.read(_LONGEST_HEADER)
            text = head.decode("utf-8", "surrogateescape")
    except (OSError, ValueError):
        return []
    return list(names(text.splitlines()))


def _metaimage_names(lines: list[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        key, _, value = line.partition("=")
        if key.strip().lower() == "elementdatafile":
            value = value.strip()
            if value.lower() != "local":
                yield from _expanded(value, lines[number + 1 :])
            return


def _nrrd_names(lines: list[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        if not line.strip():
            return
        key, colon, value = line.partition(":")
        if colon and key.strip().lower() in ("data file", "datafile"):
            yield from _expanded(value.strip(), lines[number + 1 :])
            return


def _expanded(value: str, following: list[str]) -> Iterator[str]:
    """One name; LIST with a name a line; or a pattern such as "slice%03d.raw 1 40 1"."""
    words = value.split()
    if words and words[0].upper() == "LIST":
        yield from (line.strip() for line in following if line.strip())
    elif "%" in value and len(words) >= 3:
        pattern, *numbers = words
        try:
            first, last, step = (int(number) for number in [*numbers, "1"][:3])
            yield from (pattern % index for index in range(first, last + 1, max(1, step))[:_MOST_FILES])
        except (ValueError, TypeError):
            return
    elif value:
        yield value
