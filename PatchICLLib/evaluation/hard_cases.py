"""A named set of structures on which peers are hard to beat, from `Resources/Protocol/hard_cases.json`.

Parcels without an edge in the image; thick slices with one slice between painted ones; vessels and other tubes with
several branches, painted on some of them; thin curved sheets.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from PatchICLLib.datasets.cases import Case, Structure, label_names
from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.methods import Method, Spacing
from PatchICLLib.evaluation.protocol import painted_positions
from PatchICLLib.evaluation.results import Row, append_row, read_rows
from PatchICLLib.evaluation.runner import score_painted
from PatchICLLib.images.label_values import numbered
from PatchICLLib.images.reading import read_label_map, read_scalar_image, read_volume
from PatchICLLib.outputs import drop_unfinished_line, output_folder
from PatchICLLib.resources import resource_path
from PatchICLLib.training.synthetic import Tissues, paint_labels

Kind = Literal["no edge", "thick slices", "branches", "thin sheet"]
Painting = Literal["span", "inset", "alternate"]
Progress = Callable[[int, int, str], None]

_MARGIN = 0.5  # of the structure's box, on every side, that a made-up image shows
_DEVIATION = 0.05  # of the intensities of a tissue that is made up


@dataclass(frozen=True)
class HardCase:
    """One structure, and how it is painted.

    Attributes:
        kind: why it is hard.
        source, case, label: where it is, as `patchicl evaluate propagation` names them.
        axis: array axis across the slices.
        painting: "span" or "inset" (see `protocol`), or "alternate": every other slice from the first on, of a scan
            that is cut to the structure's slices, as some references break off where the structure does not.
        k: painted slices; 0 for "alternate".
        every: of the scan's slices only each so manieth is left, so that slices are thick.
        made: the source has label maps alone, and the image is made up from them, always the same.
    """

    kind: Kind
    source: str
    case: str
    label: int
    axis: int
    painting: Painting
    k: int = 0
    every: int = 1
    made: bool = False

    def __post_init__(self) -> None:
        alternate = self.painting == "alternate"
        if self.kind not in get_args(Kind) or self.painting not in get_args(Painting) or alternate == (self.k > 0):
            raise InputError(f"The hard case {self.name} is not described rightly: {self}.")

    @property
    def name(self) -> str:
        thinned = "" if self.every == 1 else f", each {self.every}th slice"
        return f"{self.source}/{self.case}, label {self.label}{thinned}"

    def read(self, data: Path) -> Scene:
        """Image and reference.

        Raises:
            InputError: the files are not below `data`, cannot be read, or do not hold the structure.
        """
        label_path = _only_file(data, self.source, f"{self.case}_label.*")
        if self.made:
            image_path = label_path
            grid = read_volume(label_path, "label map")
            labels = read_label_map(label_path, like=grid).array
        else:
            image_path = _only_file(data, self.source, f"{self.case}_image.*")
            grid = read_scalar_image(image_path)
            labels = read_label_map(label_path, like=grid).array
        thinned: list[slice] = [slice(None)] * 3
        thinned[self.axis] = slice(None, None, self.every)
        labels, image = labels[*thinned], grid.array[*thinned]
        spacing = list(grid.spacing_kji)
        spacing[self.axis] *= self.every
        reference = labels == self.label
        if not reference.any():
            raise InputError(f"{label_path} does not hold label {self.label}.")
        if self.made:
            box = _box(reference)
            labels, reference = labels[*box], reference[*box]
            image = _made_up(labels, self.name)
        held = np.flatnonzero(reference.any(tuple(a for a in range(3) if a != self.axis)))
        first, last = int(held[0]), int(held[-1])
        if self.painting == "alternate":
            cut: list[slice] = [slice(None)] * 3
            cut[self.axis] = slice(first, last + 1)
            image, reference = image[*cut], reference[*cut]
            first, last = 0, last - first
        case = Case(self.source, self.case + ("" if self.every == 1 else f"_each_{self.every}"), image_path, label_path)
        name = label_names(case).get(self.label, f"label {self.label}")
        return Scene(
            case,
            Structure(self.label, name, first, last),
            image,
            reference,
            (spacing[0], spacing[1], spacing[2]),
            self._slices(first, last),
        )

    def _slices(self, first: int, last: int) -> tuple[int, ...]:
        if self.painting == "alternate":
            return tuple(range(first, last + 1, 2))
        return painted_positions(first, last, self.k, self.painting)


@dataclass(frozen=True, eq=False)
class Scene:
    """A hard case in memory; arrays are (K, J, I), the reference is bool."""

    case: Case
    structure: Structure
    image: np.ndarray
    reference: np.ndarray
    spacing: Spacing
    painted_slices: tuple[int, ...]


def hard_cases(path: Path | None = None) -> list[HardCase]:
    """The set that ships, or that of another file of its form.

    Raises:
        InputError: the file describes no hard cases.
    """
    path = path or resource_path("Protocol/hard_cases.json")
    try:
        return [HardCase(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} describes no hard cases ({error}): see the one that ships.") from error


def evaluate_hard_cases(
    cases: Sequence[HardCase],
    data: Path,
    methods: Sequence[Method],
    output: Path,
    progress: Progress = lambda done, total, stage: None,
) -> tuple[list[tuple[HardCase, list[Row]]], dict[str, str]]:
    """Predict and score; rows are appended to `results.jsonl` in `output` as they come, finished ones are kept.

    Returns:
        For each case that could be read its rows, one for each method; and why the others could not.

    Raises:
        InputError: none could be read.
    """
    path, absent, found = output / "results.jsonl", dict[str, str](), []
    with output_folder(output):
        drop_unfinished_line(path)
        rows = {row.key: row for row in read_rows([path])} if path.is_file() else {}
        for number, case in enumerate(cases):
            progress(number, len(cases), case.name)
            try:
                scene = case.read(data)
            except InputError as error:
                absent[case.name] = str(error)
                continue
            of_case = []
            for method in methods:
                done = [row for row in rows.values() if _is(row, case, scene, method)]
                if not done:
                    done = [_scored(case, scene, method)]
                    append_row(path, done[0])
                of_case += done
            found.append((case, of_case))
        progress(len(cases), len(cases), "done")
        if not found:
            raise InputError(f"None of the {len(cases)} hard cases can be read: {next(iter(absent.values()))}")
    return found, absent


def against_best_peer(
    found: Sequence[tuple[HardCase, Sequence[Row]]], product: str
) -> Iterator[tuple[HardCase, Row, Row]]:
    """Each case with the row of the product and that of the peer with the highest Dice on it."""
    for case, rows in found:
        own = next(row for row in rows if row.method == product)
        yield case, own, max((row for row in rows if row.method != product), key=lambda row: row.dice)


def _is(row: Row, case: HardCase, scene: Scene, method: Method) -> bool:
    return (
        row.structure_key == (scene.case.source, scene.case.name, case.label)
        and (row.axis, row.placement, row.painted_slices) == (case.axis, case.painting, scene.painted_slices)
        and (row.method, row.identity) == (method.name, method.identity)
    )


def _scored(case: HardCase, scene: Scene, method: Method) -> Row:
    return score_painted(
        scene.case, scene.structure, scene.image, scene.reference, scene.spacing, case.axis,
        len(scene.painted_slices), case.painting, scene.painted_slices, method,
    )  # fmt: skip


def _only_file(data: Path, source: str, pattern: str) -> Path:
    folders = [folder for folder in (data, *data.rglob(source)) if folder.name == source]
    files = sorted(path for folder in folders for path in folder.glob(pattern))
    if not files:
        raise InputError(f"There is no {source}/{pattern} below {data}.")
    return files[0]


def _box(mask: np.ndarray) -> tuple[slice, slice, slice]:
    """Box of a mask and half as much on every side."""
    spans = []
    for axis in range(3):
        held = np.flatnonzero(mask.any(tuple(other for other in range(3) if other != axis)))
        margin = int(np.ceil(_MARGIN * (held[-1] - held[0] + 1)))
        spans.append(slice(max(0, int(held[0]) - margin), int(held[-1]) + 1 + margin))
    return spans[0], spans[1], spans[2]


def _made_up(labels: np.ndarray, name: str) -> np.ndarray:
    """A scan of a label map in which every label looks its own way, float32."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big"))
    values, numbers = numbered(labels)
    means = rng.permutation(np.linspace(0, 1, len(values))).astype(np.float32)
    return paint_labels(rng, numbers, Tissues(means, np.full(len(values), _DEVIATION, np.float32)))
