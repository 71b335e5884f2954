"""A segmentation in memory: label maps in layers, and what each label is called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.segmentations.overlap import groups_without_overlap

_LONGEST_SHOWN = 60  # characters of a name in a message


@dataclass(frozen=True)
class Segment:
    """One structure.

    Attributes:
        label: its value in the segmentation's array, above 0 and distinct over all layers.
        name: as people see it.
        identifier: within its file.
        color: red, green, blue, 0 to 1; None where the file says none.
        tags: what else is known of it, as Slicer keeps it: ``TerminologyEntry``, ``Segmentation.Status`` ...
        fields: of the file that it was read from, kept for files of the same kind.
    """

    label: int
    name: str
    identifier: str = ""
    color: tuple[float, float, float] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Segments on the grid of an image.

    Attributes:
        array: (K, J, I) integers, or (L, K, J, I) where segments overlap: no two of one layer do. 0 is background.
        segments: in their file's order; empty for a plain label map, whose labels have no names.
        header: what the file says of the whole, kept for files of the same kind.
    """

    array: np.ndarray
    segments: tuple[Segment, ...] = ()
    header: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> dict[int, str]:
        """Name of each label that has one."""
        return {segment.label: segment.name for segment in self.segments}

    def called(self, label: int) -> str:
        """How messages call a label: "label 1", or with its name "label 1, liver"."""
        name = self.names.get(label)
        return f"label {label}" if name is None else f"label {label}, {name}"

    def mask(self, label: int) -> np.ndarray:
        """Voxels of a label, (K, J, I) bool."""
        found = self.array == label
        return np.asarray(found.any(axis=0) if found.ndim == 4 else found)

    def labels(self, wanted: Iterable[int | str]) -> list[int]:
        """The labels of values and names.

        Args:
            wanted: label values, and exact names of segments.

        Raises:
            InputError: no segment, or several, of such a name.
        """
        found = []
        for entry in wanted:
            if isinstance(entry, int):
                found.append(entry)
                continue
            matching = [segment.label for segment in self.segments if segment.name == entry]
            if len(matching) != 1:
                raise InputError(self._explanation(entry, len(matching)))
            found += matching
        return found

    def chosen(self, wanted: Iterable[int | str] | None) -> list[int] | None:
        """As `labels`; None, for all, stays."""
        return None if wanted is None else self.labels(wanted)

    def with_room_for(self, labels: Iterable[int]) -> Segmentation:
        """The same in a type that holds these labels as well."""
        wanted = np.promote_types(self.array.dtype, np.min_scalar_type(max(labels)))
        return replace(self, array=self.array.astype(wanted, copy=False))

    def filled(self, array: np.ndarray) -> Segmentation:
        """The same segments with other voxels."""
        return replace(self, array=array)

    def _explanation(self, name: str, count: int) -> str:
        name = name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}..."
        if not self.segments:
            return f"There is no segment named {name}: the painting is a plain label map, whose labels are numbers."
        if count:
            return f"{count} segments are named {name}: name their labels by number instead, 1 for the first segment."
        known = ", ".join(segment.name for segment in self.segments)
        commas = ", ".join(f"{segment.label} for {segment.name}" for segment in self.segments if "," in segment.name)
        hint = f"; ask for names with commas by their numbers: {commas}" if commas else ""
        return f"There is no segment named {name}; there are {known}{hint}."


Placed = tuple[tuple[slice, ...], np.ndarray]  # a box in the image's array, and bool voxels of the box


def layered(masks: Mapping[int, Placed], shape: tuple[int, ...]) -> np.ndarray:
    """Label maps, as few as it takes for masks that overlap.

    Args:
        masks: label -> its voxels.
        shape: (K, J, I) of the image.

    Returns:
        (K, J, I) if no two masks overlap, else (L, K, J, I).
    """
    labels = list(masks)
    dtype = np.min_scalar_type(max(labels, default=1))
    groups = groups_without_overlap(len(labels), lambda a, b: _overlap(masks[labels[a]], masks[labels[b]]))
    layers = np.zeros((max(len(groups), 1), *shape), dtype)
    for layer, group in zip(layers, groups, strict=False):
        for number in group:
            box, voxels = masks[labels[number]]
            layer[box][voxels] = labels[number]
    return layers if len(layers) > 1 else layers[0]


def _overlap(one: Placed, other: Placed) -> bool:
    (first, mine), (second, theirs) = one, other
    shared = [slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(first, second, strict=True)]
    if any(part.stop <= part.start for part in shared):
        return False

    def cut(voxels: np.ndarray, box: tuple[slice, ...]) -> np.ndarray:
        inside = tuple(slice(s.start - b.start, s.stop - b.start) for s, b in zip(shared, box, strict=True))
        return voxels[inside]

    return bool((cut(mine, first) & cut(theirs, second)).any())
