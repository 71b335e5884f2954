"""MedSegBench in its official form: `NAME_SIZE.npz` with images and labels of the splits train, val and test."""

import functools
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from PatchICLLib.datasets.example import DatasetError, Example, Examples
from PatchICLLib.resources import resource_path

SPLITS = ("train", "val", "test")
SIZES = (128, 256, 512)
FOREGROUND = "foreground"
Arrays = tuple[np.ndarray, np.ndarray]  # images and labels of a split


@dataclass(frozen=True)
class Facts:
    """About one of the 35 data sets.

    Attributes:
        modality: as table 4 of the paper calls it.
        images: number of each split.
        channels: 1 for grey, 3 for colour.
        licence: as the package `medsegbench` states it.
        labels: names of the values above 0; empty for a binary data set, where all of them are the foreground.
    """

    modality: str
    images: dict[str, int]
    channels: int
    licence: str
    labels: dict[int, str]


@functools.cache
def known_datasets() -> dict[str, Facts]:
    """The 35 data sets by name, from `Resources/Protocol/medsegbench.json`."""
    content = json.loads(resource_path("Protocol/medsegbench.json").read_text(encoding="utf-8"))
    return {
        name: Facts(
            entry["modality"],
            entry["images"],
            entry["channels"],
            entry["licence"],
            {int(value): label for value, label in entry.get("labels", {}).items()},
        )
        for name, entry in content["datasets"].items()
    }


@dataclass(frozen=True)
class Bench:
    """What of MedSegBench is used.

    Attributes:
        size: 128, 256 or 512, the size in the files' names.
        split, context_split: where targets and where contexts come from.
        names: data sets to use; empty for all that are there.
        join_labels: take all labels of a multi-class data set as one, as the authors' published loader does.
        minimum_pixels: foreground pixels that an image needs to show a label.
        most_images: use only so many images of each data set, evenly spread; None for all.
        keep_open: splits of data sets that stay in memory; training, which goes back and forth, needs all of them.
    """

    size: int = 256
    split: str = "val"
    context_split: str = "val"
    names: tuple[str, ...] = ()
    join_labels: bool = False
    minimum_pixels: int = 1
    most_images: int | None = None
    keep_open: int = 4


class MedSegBench(Examples):
    """Images of the data sets whose files lie in a folder; colour is turned to grey by the mean of its channels.

    Args:
        folder: with files such as `promise12_256.npz`.
        bench: what of it is used.

    Raises:
        DatasetError: no such folder or file, an unknown name, or a file in another form.
    """

    def __init__(self, folder: Path, bench: Bench | None = None) -> None:
        self.folder, self.bench = folder, bench or Bench()
        self._open: dict[tuple[str, str], Arrays] = {}
        self.names = self._names()
        self._examples = [e for name in self.names for e in self._index(name, self.bench.split, True)]
        if not self._examples:
            raise DatasetError(f"No image in {folder} shows a label with {self.bench.minimum_pixels} pixels.")
        self._contexts = (
            [e for name in self.names for e in self._index(name, self.bench.context_split, False)]
            if self.bench.context_split != self.bench.split or self.bench.most_images is not None
            else self._examples
        )

    def category(self, example: Example) -> str:
        return known_datasets()[example.dataset].modality

    def class_name(self, example: Example) -> str:
        return example.dataset

    def read(self, example: Example) -> tuple[np.ndarray, np.ndarray]:
        """Image and mask of one label."""
        split = example.case.split("-")[0]
        images, labels = self._arrays(example.dataset, split)
        image = images[example.index].astype(np.float32)
        if image.ndim == 3:
            image = image.mean(-1)
        return image, self._mask(example.dataset, labels[example.index], example.label)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_open": {}}  # a process that is started afresh reads for itself

    def _arrays(self, name: str, split: str) -> Arrays:
        key = (name, split)
        if key not in self._open:
            while len(self._open) >= self.bench.keep_open:
                self._open.pop(next(iter(self._open)))
            self._open[key] = _load(self._path(name), split)
        return self._open[key]

    def _mask(self, name: str, labels: np.ndarray, label: str) -> np.ndarray:
        if label == FOREGROUND:
            return labels > 0
        value = next(v for v, text in known_datasets()[name].labels.items() if text == label)
        return labels == value

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}_{self.bench.size}.npz"

    def _names(self) -> list[str]:
        if not self.folder.is_dir():
            raise DatasetError(f"The data folder {self.folder} does not exist.")
        if self.bench.size not in SIZES:
            raise DatasetError(f"MedSegBench has the sizes {', '.join(map(str, SIZES))}, but not {self.bench.size}.")
        for split in (self.bench.split, self.bench.context_split):
            if split not in SPLITS:
                raise DatasetError(f"The split must be {', '.join(SPLITS)}, but it is {split}.")
        unknown = [name for name in self.bench.names if name not in known_datasets()]
        if unknown:
            raise DatasetError(f"MedSegBench has no data set {unknown[0]}: choose from {', '.join(known_datasets())}.")
        found = [name for name in self.bench.names or known_datasets() if self._path(name).is_file()]
        missing = [name for name in self.bench.names if name not in found]
        if missing or not found:
            wanted = self._path(missing[0] if missing else "NAME").name
            raise DatasetError(f"There is no file {wanted} of MedSegBench in {self.folder}.")
        return found

    def _index(self, name: str, split: str, target: bool) -> list[Example]:
        _, labels = self._arrays(name, split)
        facts = known_datasets()[name]
        classes = [FOREGROUND] if self.bench.join_labels or not facts.labels else list(facts.labels.values())
        numbers = range(len(labels))
        if target and self.bench.most_images is not None and len(labels) > self.bench.most_images:
            numbers = np.linspace(0, len(labels) - 1, self.bench.most_images).round().astype(int).tolist()
        found = []
        for number in numbers:
            for label in classes:
                if np.count_nonzero(self._mask(name, labels[number], label)) >= self.bench.minimum_pixels:
                    case = f"{split}-{number:05d}"
                    found.append(Example(name, case, case, label, "", number))
        return found


def _load(path: Path, split: str) -> Arrays:
    """Images (N, H, W) or (N, H, W, 3) and labels (N, H, W) of a split."""
    try:
        with np.load(path, allow_pickle=False) as content:
            images, labels = content[f"{split}_images"], content[f"{split}_label"]
    except KeyError as error:
        raise DatasetError(f"{path} lacks {error.args[0].split(' ')[0]}: it is no file of MedSegBench.") from error
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path} is damaged, or no file of MedSegBench: get it again.") from error
    if labels.ndim == 4 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.ndim != 3 or images.ndim not in (3, 4) or images.shape[:3] != labels.shape:
        raise DatasetError(
            f"{path} must hold images (N, H, W) or (N, H, W, 3) and labels (N, H, W) in {split}, but their shapes are "
            f"{images.shape} and {labels.shape}."
        )
    return images, labels
