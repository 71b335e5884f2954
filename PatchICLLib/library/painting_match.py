"""Which structure of a library each label of a painting means, and the segments of a scan with nothing painted."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.images import Volume
from PatchICLLib.library.library import Library
from PatchICLLib.library.structures import Structure, same_name
from PatchICLLib.segmentations import Segment, Segmentation


def with_library(
    library: Library, painted: Segmentation | None, said: Mapping[int, str], options: Mapping[str, Any], image: Volume
) -> tuple[Segmentation, dict[str, Any]]:
    """A painting with room for what a library knows, and the options of ``Propagator.propagate`` with both.

    Args:
        library: of finished cases.
        painted: segments with names or codes are known by them. None if nothing is painted: then it is the library's
            structures, without voxels.
        said: names of the library's structures by label of the painting; they go before what segments say.
        options: without the library's; labels may be names.
        image: the scan.

    Raises:
        InputError: an unknown name, one structure for two labels, nothing in common, or an empty library.
    """
    if painted is None:
        painted, said = _unpainted(library, image.array.shape), {}
    labels = painted.chosen(options.get("labels"))
    match = _match(library, painted, said, labels)
    direction = np.reshape(image.direction, (3, 3))
    given = {**options, "labels": labels, "library": library, "match": match, "direction": direction}
    return painted.with_room_for(match), given


def _match(
    library: Library, painted: Segmentation, said: Mapping[int, str], labels: Sequence[int] | None
) -> dict[int, int]:
    """Label of a painting -> label in a library, of these labels or of all."""
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


def _unpainted(library: Library, shape: tuple[int, ...]) -> Segmentation:
    """The structures of a library as segments without voxels."""
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


def _of(library: Library, count: int) -> str:
    return (
        f"{count} structures of the library {library.path} are called" if count else f"the library {library.path} lacks"
    )


def _names(library: Library) -> str:
    return ", ".join(one.name for one in library.structures) or "nothing yet"
