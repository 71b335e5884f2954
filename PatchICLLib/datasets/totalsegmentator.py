"""TotalSegmentator CT and MRI in their official form: a folder a case, a file a structure, splits in `meta.csv`."""

import csv
import functools
import json
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from PatchICLLib.datasets.class_split import Modality, class_split
from PatchICLLib.datasets.example import DatasetError, Example, Examples
from PatchICLLib.datasets.slicing import Slicing, square_slice
from PatchICLLib.errors import InputError
from PatchICLLib.images.reading import read_volume
from PatchICLLib.outputs import write_json
from PatchICLLib.runtime.child_process import process_pool

IMAGES: dict[Modality, str] = {"ct": "ct.nii.gz", "mri": "mri.nii.gz"}
NAMES: dict[Modality, str] = {"ct": "totalsegmentator", "mri": "totalsegmentator-mri"}
SEGMENTATIONS, META = "segmentations", "meta.csv"
SPLITS = ("train", "val", "test")
_ENDING = ".nii.gz"
_KEEP_EVERY = 20  # cases after which an unfinished index is kept

Slices = dict[str, dict[str, list[int]]]  # by structure and axis


@dataclass(frozen=True)
class Selection:
    """What of the data set is used.

    Attributes:
        split: train, val or test, as `meta.csv` has it, or all.
        classes: training or validation, the 47 and 45 structures of the paper, or all.
        slicing: how slices are chosen.
        most_cases: use only the first so many cases; None for all.
    """

    split: str = "val"
    classes: str = "validation"
    slicing: Slicing = Slicing()
    most_cases: int | None = None


class TotalSegmentator(Examples):
    """Slices of structures, from files that stay where they are.

    Args:
        folder: with `sNNNN/ct.nii.gz` or `sNNNN/mri.nii.gz`, `sNNNN/segmentations/NAME.nii.gz` and `meta.csv`.
        modality: ct or mri.
        selection: what of it is used.
        index_file: where the chosen slices are kept, because finding them reads every mask once; None: not kept.
        progress: called with cases done and their number while masks are read.
        processes: that read masks.

    Attributes:
        cases: names of the cases that are used.
        missing: names of those that cannot be read, for instance because they are damaged or sheared, and why.

    Raises:
        DatasetError: no such folder, no case in it that can be read, no such split.
    """

    def __init__(
        self,
        folder: Path,
        modality: Modality = "ct",
        selection: Selection | None = None,
        index_file: Path | None = None,
        progress: Callable[[int, int], None] = lambda done, total: None,
        processes: int = 1,
    ) -> None:
        self.folder, self.modality = folder, modality
        self.selection = selection or Selection()
        self.name = NAMES[modality]
        self.cases = self._cases()
        self.missing: dict[str, str] = {}
        self._examples = self._contexts = self._indexed(index_file, progress, processes)

    def category(self, example: Example) -> str:
        return class_split().category(example.label, self.modality)

    def class_name(self, example: Example) -> str:
        return example.label

    def read(self, example: Example) -> tuple[np.ndarray, np.ndarray]:
        """Image and mask of a slice; where pixels are far from square, both are resampled to square ones.

        Raises:
            DatasetError: a file is missing, damaged or on another grid.
        """
        case = self.folder / example.case
        volume, spacing = _read(case / IMAGES[self.modality])
        mask_file = case / SEGMENTATIONS / (example.label + _ENDING)
        mask = _read_mask(mask_file)
        if mask.shape != volume.shape:
            raise DatasetError(f"{mask_file} has {mask.shape} voxels, but its image has {volume.shape}.")
        return square_slice(volume, mask, spacing, example.plane, example.index)

    # ---- what is there -------------------------------------------------------------------------------------------

    def _cases(self) -> list[str]:
        if not self.folder.is_dir():
            raise DatasetError(f"The data folder {self.folder} does not exist.")
        image = IMAGES[self.modality]
        found = sorted(p.parent.name for p in self.folder.glob(f"*/{image}"))
        if not found:
            raise DatasetError(f"There is no case in {self.folder}: it needs folders with {image} and {SEGMENTATIONS}.")
        if self.selection.split != "all":
            if self.selection.split not in SPLITS:
                raise DatasetError(f"The split must be {', '.join(SPLITS)} or all, but it is {self.selection.split}.")
            splits = read_splits(self.folder / META)
            found = [case for case in found if splits.get(case) == self.selection.split]
            if not found:
                there = ", ".join(sorted(set(splits.values()))) or "none"
                raise DatasetError(
                    f"{self.folder / META} puts no case of the folder into the split {self.selection.split}; "
                    f"it has {there}."
                )
        return found[: self.selection.most_cases]

    def _indexed(self, index_file: Path | None, progress: Callable[[int, int], None], processes: int) -> list[Example]:
        wanted = {**asdict(self.selection), "modality": self.modality, "folder": str(self.folder.resolve())}
        wanted = json.loads(json.dumps(wanted))
        known: dict[str, Slices] = {}
        if index_file is not None and index_file.is_file():
            content = _index_content(index_file)
            known = content["cases"] if content["of"] == wanted else {}
        missing = [case for case in self.cases if case not in known]
        find = functools.partial(_slices_or_reason, self.folder, IMAGES[self.modality], self.selection)
        with ExitStack() as stack:
            found: Iterable[Slices | str] = map(find, missing)
            if processes > 1 and len(missing) > 1:
                found = stack.enter_context(process_pool(processes)).map(find, missing)
            for done, (case, slices) in enumerate(zip(missing, found, strict=True), start=1):
                if isinstance(slices, str):
                    self.missing[case] = slices
                else:
                    known[case] = slices
                progress(done, len(missing))
                if index_file is not None and (done % _KEEP_EVERY == 0 or done == len(missing)):
                    _keep(index_file, {"of": wanted, "cases": known})
        self.cases = [case for case in self.cases if case in known]
        if not self.cases:
            raise DatasetError(f"No case in {self.folder} can be read: {next(iter(self.missing.values()))}")
        examples = [
            Example(self.name, case, case, label, plane, index)
            for case in self.cases
            for label, planes in known[case].items()
            for plane, indices in planes.items()
            for index in indices
        ]
        if not examples:
            raise DatasetError(
                f"No structure of the classes {self.selection.classes} has a slice with "
                f"{self.selection.slicing.minimum_pixels} foreground pixels in {self.folder}."
            )
        return sorted(examples)


def read_splits(path: Path) -> dict[str, str]:
    """Split of each case from `meta.csv`, which separates by semicolons (commas are read as well).

    Raises:
        DatasetError: missing, or without the columns `image_id` and `split`.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DatasetError(
            f"{path} cannot be read ({error.strerror}); it says which case is in which split."
        ) from error
    lines = text.splitlines()
    rows = csv.DictReader(lines, delimiter=";" if lines and ";" in lines[0] else ",")
    if not {"image_id", "split"} <= set(rows.fieldnames or ()):
        raise DatasetError(
            f"{path} must have the columns image_id and split, but has {', '.join(rows.fieldnames or ())}."
        )
    return {row["image_id"]: row["split"] for row in rows}


def _slices_or_reason(folder: Path, image: str, selection: Selection, case: str) -> Slices | str:
    """The slices of a case, or why it cannot be read."""
    try:
        _load(folder / case / image, "image")
        return _slices_of(folder, selection, case)
    except DatasetError as error:
        return str(error)


def _slices_of(folder: Path, selection: Selection, case: str) -> Slices:
    wanted = class_split().choose(selection.classes)
    slices = {}
    for path in sorted((folder / case / SEGMENTATIONS).glob("*" + _ENDING)):
        label = path.name.removesuffix(_ENDING)
        if wanted is None or label in wanted:
            chosen = selection.slicing.choose(_load(path, "mask")[0] != 0)
            if chosen:
                slices[label] = chosen
    return slices


def _keep(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(content, path, indent=None)


def _index_content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {"of": content["of"], "cases": content["cases"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"The index of slices {path} is damaged: delete it, it will be made again.") from error


def _load(path: Path, what: str) -> tuple[np.ndarray, tuple[float, float, float]]:
    try:
        volume = read_volume(path, what)
    except InputError as error:
        raise DatasetError(str(error)) from error
    if volume.array.ndim != 3:
        raise DatasetError(f"The {what} {path} is 2D, but it must be a volume: get the case again.")
    return volume.array, volume.spacing_kji


@functools.lru_cache(maxsize=6)
def _read(path: Path) -> tuple[np.ndarray, tuple[float, float, float]]:
    return _load(path, "image")


@functools.lru_cache(maxsize=24)
def _read_mask(path: Path) -> np.ndarray:
    return _load(path, "mask")[0] != 0
