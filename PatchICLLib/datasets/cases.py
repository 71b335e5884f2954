"""Finds labelled cases below a folder, and the structures in them that can be judged.

A case is a pair `CASE_image.EXT` and `CASE_label.EXT` in one folder. Several images may share a label map:
`patient_flair_image` and `patient_t1_image` both go with `patient_label`. The folder's name is the case's source. A
file `labels.json` beside the cases may name the labels, either `{"1": "liver"}` or `{"CASE": {"1": "liver"}}`.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from PatchICLLib.datasets.split import case_stem
from PatchICLLib.errors import InputError
from PatchICLLib.images.label_values import numbered
from PatchICLLib.images.reading import read_label_map, read_scalar_image, stored_sizes
from PatchICLLib.images.volume import Volume

_FEWEST_SLICES = 8  # of a structure that is judged, see `evaluation/protocol.py`
_EXTENSIONS = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")


@dataclass(frozen=True)
class Case:
    """An image and its reference labels on disk."""

    source: str
    name: str
    image_path: Path
    label_path: Path

    @property
    def full_name(self) -> str:
        return f"{self.source}/{self.name}"

    def read(self) -> tuple[Volume, np.ndarray]:
        """The image, and the reference labels (K, J, I) on its grid."""
        image = read_scalar_image(self.image_path)
        return image, read_label_map(self.label_path, like=image).array


@dataclass(frozen=True)
class Structure:
    """One label of a case, with its first and last slice along the slicing axis."""

    label: int
    name: str
    first: int
    last: int


def find_cases(folder: Path, sources: Iterable[str] = ()) -> list[Case]:
    """All 3D cases below `folder`, sorted by path.

    Args:
        folder: searched recursively.
        sources: names of sources to keep; none given: all.

    Raises:
        InputError: the folder does not exist, holds no case, or lacks a source that was asked for.
    """
    if not folder.is_dir():
        raise InputError(f"The data folder {folder} does not exist: give one with CASE_image and CASE_label files.")
    cases = []
    for image_path in sorted(folder.rglob("*_image.*")):
        label_path = _label_path(image_path)
        if label_path is not None and _is_volume(image_path):
            source = image_path.parent.name or folder.name
            cases.append(Case(source, case_stem(image_path), image_path, label_path))
    if not cases:
        raise InputError(f"No 3D case was found below {folder}: it needs pairs of CASE_image and CASE_label files.")
    wanted = set(sources)
    unknown = wanted - {case.source for case in cases}
    if unknown:
        known = ", ".join(sorted({case.source for case in cases}))
        raise InputError(f"There is no source {sorted(unknown)[0]} below {folder}: choose from {known}.")
    return [case for case in cases if not wanted or case.source in wanted]


def structures_of(labels: np.ndarray, axis: int, names: dict[int, str]) -> list[Structure]:
    """Structures with at least 8 slices along `axis`, sorted by label. `labels` is (K, J, I) integers."""
    values, numbers = numbered(labels)
    boxes = ndimage.find_objects(numbers.astype(np.int32) + 1)
    structures = []
    for value, box in zip(values, boxes, strict=True):
        extent = box[axis]
        if value > 0 and extent.stop - extent.start >= _FEWEST_SLICES:
            label = int(value)
            structures.append(Structure(label, names.get(label, f"label {label}"), extent.start, extent.stop - 1))
    return structures


def label_names(case: Case) -> dict[int, str]:
    """Names of the labels from `labels.json` beside the case; empty if there is none.

    Raises:
        InputError: the file is not a table of names.
    """
    path = case.image_path.parent / "labels.json"
    if not path.is_file():
        return {}
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        table = table.get(case.name, {label: name for label, name in table.items() if not isinstance(name, dict)})
        return {int(label): str(name) for label, name in table.items()}
    except (ValueError, AttributeError) as error:
        raise InputError(f'{path} is not a table of label names such as {{"1": "liver"}}: {error}.') from error


def choose_per_source(structures: list[tuple[Case, Structure]], most: int | None) -> list[tuple[Case, Structure]]:
    """At most `most` structures of each source, the same ones in every run (drawn by a hash of their names)."""
    if most is None:
        return structures
    by_source: dict[str, list[tuple[Case, Structure]]] = defaultdict(list)
    for case, structure in structures:
        by_source[case.source].append((case, structure))
    chosen: set[tuple[Case, int]] = set()
    for members in by_source.values():
        members.sort(key=lambda member: stable_hash(member[0], member[1]))
        chosen.update((case, structure.label) for case, structure in members[:most])
    return [(case, structure) for case, structure in structures if (case, structure.label) in chosen]


def stable_hash(case: Case, structure: Structure) -> int:
    """A number that depends on the names only, not on the machine, the folder or the run."""
    text = f"{case.source}/{case.name}/{structure.label}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def _label_path(image_path: Path) -> Path | None:
    stem = case_stem(image_path)
    while stem:
        for extension in _EXTENSIONS:
            candidate = image_path.with_name(f"{stem}_label{extension}")
            if candidate.is_file():
                return candidate
        stem = stem.rpartition("_")[0]
    return None


def _is_volume(path: Path) -> bool:
    if not path.name.endswith(_EXTENSIONS):
        return False
    sizes = stored_sizes(path)
    return sizes is None or (len(sizes) >= 3 and min(sizes[:3]) > 1)  # what cannot be read is told of later
