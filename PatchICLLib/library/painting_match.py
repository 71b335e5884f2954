"""Which structure of a library each label of a painting means, and the segments of a scan with nothing painted."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.images import Volume
from PatchICLLib.library.library import Library
from PatchICLLib.library.structures import Structure, same_name
from PatchICLLib.segmentations import Segment, Segmentation


def match_painting(
    library: Library, painted: Segmentation, said: Mapping[int, str], labels: Sequence[int] | None = None
) -> dict[int, int]:
    """Label of a painting -> label in a library.

    Args:
        library: of finished cases.
        painted: segments with names or codes are known by them.
        said: names of the library's structures by label of the painting; they go before what segments say.
        labels: only these; None for all.

    Raises:
        InputError: an unknown name, one structure for two labels, or nothing in common.
    """
    found: dict[int, int] = {}
    for label, name in said.items():
        named = [one.label for one in library.structures if same_name(one.name, name)]
        if len(named) != 1:
            raise InputError(f"--match names {name}, which {_of(library, len(named))}; it knows {_names(library)}.")
        if named[0] in found.values():
            raise InputError(f"--match gives {name} to two labels; each structure belongs to one.")
        found[label] = named[0]
    others = [Structure.of_segment(one) for one in painted.segments if one.label not in said]
    for label, theirs in library.match(others).items():
        if theirs not in found.values():
            found[label] = theirs
    if labels is not None:
        found = {label: theirs for label, theirs in found.items() if label in labels}
    if not found:
        reason = "its segments are named otherwise" if painted.segments else "a plain label map has no names"
        raise InputError(
            f"Nothing of the painting is known in the library {library.path} ({reason}); it knows {_names(library)}: "
            "say which label is which, such as --match 1=liver."
        )
    return found


def unpainted(library: Library, shape: tuple[int, ...]) -> Segmentation:
    """The structures of a library as segments without voxels.

    Raises:
        InputError: the library is empty.
    """
    if not library.structures:
        raise InputError(f"The library {library.path} holds no finished case yet: add one first.")
    segments = tuple(
        Segment(
            one.label,
            one.name,
            f"Segment_{one.label}",
            one.color,
            {} if one.terminology is None else {"TerminologyEntry": one.terminology.tag()},
        )
        for one in library.structures
    )
    largest = max(one.label for one in library.structures)
    return Segmentation(np.zeros(shape, np.min_scalar_type(largest)), segments)


def library_options(library: Library, match: Mapping[int, int], image: Volume) -> dict[str, Any]:
    """Options of ``Propagator.propagate`` for a library.

    Args:
        library: of finished cases.
        match: label of the painting -> label in the library.
        image: the scan.
    """
    return {"library": library, "match": dict(match), "direction": np.reshape(image.direction, (3, 3))}


def _of(library: Library, count: int) -> str:
    return (
        f"{count} structures of the library {library.path} are called" if count else f"the library {library.path} lacks"
    )


def _names(library: Library) -> str:
    return ", ".join(one.name for one in library.structures) or "nothing yet"
