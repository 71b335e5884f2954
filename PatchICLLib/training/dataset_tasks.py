"""Training and validation tasks from data sets named KIND=FOLDER."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from PatchICLLib.datasets.class_split import Modality
from PatchICLLib.datasets.example import DatasetError, Examples
from PatchICLLib.datasets.image_folders import ImageFolders
from PatchICLLib.datasets.medsegbench import Bench, MedSegBench
from PatchICLLib.datasets.split import is_development
from PatchICLLib.datasets.totalsegmentator import Selection, TotalSegmentator
from PatchICLLib.errors import InputError
from PatchICLLib.training.mixture import Tasks
from PatchICLLib.training.slice_tasks import SliceTasks
from PatchICLLib.training.task_batch import TaskBatch
from PatchICLLib.training.tasks import TaskShape, draw_batch
from PatchICLLib.training.validation import ValidationSet

KINDS = ("totalsegmentator", "totalsegmentator-mri", "medsegbench", "images")
Progress = Callable[[int, int], None]
_ALL = 100  # more splits than MedSegBench has


@dataclass(frozen=True)
class DatasetChoice:
    """A data set to train on.

    Attributes:
        kind: one of KINDS.
        folder: where it lies.
    """

    kind: str
    folder: Path

    @classmethod
    def parse(cls, text: str) -> DatasetChoice:
        """Read KIND=FOLDER.

        Raises:
            InputError: another form or kind.
        """
        kind, equals, folder = text.partition("=")
        if kind not in KINDS or not (equals and folder):
            raise InputError(f"--dataset must be KIND=FOLDER with a kind of {', '.join(KINDS)}, but it is {text}.")
        return cls(kind, Path(folder))

    @property
    def same_case_first(self) -> bool:
        return self.kind.startswith("totalsegmentator")

    def training(self, cache: Path, progress: Progress, processes: int = 1) -> Examples:
        """What is learned from: the training split, of TotalSegmentator the paper's 47 training classes."""
        return self._open("train", "training", cache, progress, processes)

    def validation(self, cache: Path, progress: Progress, processes: int = 1) -> Examples | None:
        """What is measured on: the validation split with the 45 held-out classes; None if there is none."""
        try:
            return self._open("val", "validation", cache, progress, processes)
        except DatasetError:
            return None

    def _open(self, split: str, classes: str, cache: Path, progress: Progress, processes: int) -> Examples:
        if self.kind == "images":
            development = split == "val"
            return ImageFolders(self.folder, is_target=lambda path: is_development(path) == development)
        if self.kind == "medsegbench":
            return _usual_size(self.folder, split)
        modality: Modality = "mri" if self.kind == "totalsegmentator-mri" else "ct"
        index = cache / f"slices-{self.kind}-{split}.json"
        data = TotalSegmentator(self.folder, modality, Selection(split, classes), index, progress, processes)
        for case, reason in data.missing.items():  # a recipe says what was learned from
            raise DatasetError(f"The case {case} cannot be used, move it away or get it again: {reason}")
        return data


def dataset_mixture(
    choices: Sequence[DatasetChoice], cache: Path, progress: Progress = lambda done, total: None, processes: int = 1
) -> list[tuple[Tasks, float]]:
    """Training tasks of all data sets, each as often as any other.

    Raises:
        DatasetError: one of them is not there, or not in its official form.
    """
    return [(SliceTasks(c.training(cache, progress, processes), c.same_case_first), 1.0) for c in choices]


def dataset_counts(mixture: Sequence[tuple[Tasks, float]]) -> dict[str, int]:
    """Examples to learn from, by data set."""
    counts: dict[str, int] = {}
    for tasks, _ in mixture:
        if isinstance(tasks, SliceTasks):
            for example in tasks.data.examples():
                counts[example.dataset] = counts.get(example.dataset, 0) + 1
    return counts


def dataset_validation(
    choices: Sequence[DatasetChoice],
    cache: Path,
    shape: TaskShape,
    tasks: int = 6,
    progress: Progress = lambda done, total: None,
    processes: int = 1,
) -> dict[str, TaskBatch]:
    """A fixed batch of validation tasks for each data set that has a validation split; see ``ValidationSet``."""
    batches = {}
    for choice in choices:
        data = choice.validation(cache, progress, processes)
        if data is None:
            continue
        kind = SliceTasks(data, choice.same_case_first, augment=False)
        rng = np.random.default_rng(0)
        batch = draw_batch(kind, rng, shape, tasks, tries=50 * tasks)
        if batch is not None:
            batches[choice.kind] = batch
    return batches


def joined_validation(several: Sequence[ValidationSet | dict[str, TaskBatch]]) -> ValidationSet | None:
    """All batches of validation tasks; None without any."""
    batches: dict[str, TaskBatch] = {}
    for one in several:
        batches.update(one.batches if isinstance(one, ValidationSet) else one)
    return ValidationSet(batches) if batches else None


def _usual_size(folder: Path, split: str) -> MedSegBench:
    """With the files of 256 pixels where there are any, else of 512 or 128."""
    for size in (256, 512):
        if any(folder.glob(f"*_{size}.npz")):
            return MedSegBench(folder, Bench(size, split, split, keep_open=_ALL))
    return MedSegBench(folder, Bench(128, split, split, keep_open=_ALL))
