"""Which tasks a training sees, and how often."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch.utils.data import Dataset

from PatchICLLib.training.copies import CopiesTasks
from PatchICLLib.training.image_tasks import TOGETHER, ImageTasks, Placing, image_sets
from PatchICLLib.training.pseudo_labels import SupervoxelVolume, prepare
from PatchICLLib.training.stacks import Unsuitable
from PatchICLLib.training.subject_tasks import DrawSubjects, SubjectTasks
from PatchICLLib.training.subjects import BentPatients, SeveralCases, several_cases
from PatchICLLib.training.synthetic import random_anatomy
from PatchICLLib.training.task_batch import TaskBatch
from PatchICLLib.training.tasks import HintDropout, TaskShape, VolumeTasks
from PatchICLLib.training.volumes import (
    LabelledVolume,
    label_map_sources,
    labelled_sources,
    pick,
    scans_without_names,
)
from PatchICLLib.training.whole_slices import OneCase, WholeSliceTasks

_BARE = 0.5  # of the tasks of several subjects have no hints: how the product asks finished cases


class Tasks(Protocol):
    def __call__(self, rng: np.random.Generator, shape: TaskShape) -> TaskBatch: ...


@dataclass(frozen=True)
class BatchPlan:
    """Shapes of batches.

    Attributes:
        tasks: B, tasks of a batch.
        targets: T, target slices of a task.
        contexts: numbers of context slices to choose from, with repetition as weight.
        sizes: input sizes and how often.
        fitted, hints: see ``TaskShape``.
        holding: share of the batches whose targets all hold the structure.
        smaller_first: (number, size, targets), ascending: batches before that number show so many target slices of
            that size instead.
    """

    tasks: int = 3
    targets: int = 5
    contexts: tuple[int, ...] = (1, 2, 3, 3, 3, 3, 4, 5, 5, 5)
    sizes: tuple[tuple[int, float], ...] = ((128, 0.85), (256, 0.15))
    fitted: float = 0.0
    hints: bool = True
    holding: float = 0.0
    smaller_first: tuple[tuple[int, int, int], ...] = ()

    def targets_at(self, size: int) -> int:
        """Target slices of a task: larger inputs cost more, fewer keep a step's time about the same."""
        return self.targets if size <= 128 else max(1, self.targets // 2)

    def sizes_at(self, number: int) -> tuple[tuple[int, int, float], ...]:
        """Size, target slices of a task and probability, of the batch of a number."""
        for end, size, targets in self.smaller_first:
            if number < end:
                return ((size, targets, 1.0),)
        whole = sum(share for _, share in self.sizes)
        return tuple((size, self.targets_at(size), share / whole) for size, share in self.sizes)

    def draw(self, rng: np.random.Generator, number: int) -> TaskShape:
        """The shape of the batch of a number."""
        offered = self.sizes_at(number)
        size, targets, _ = offered[int(rng.choice(len(offered), p=[share for *_, share in offered]))]
        context = int(rng.choice(self.contexts))
        holding = self.holding >= 1 or (self.holding > 0 and bool(rng.random() < self.holding))
        return TaskShape(context, targets, size, self.fitted, self.hints, holding)


@dataclass(frozen=True)
class MixtureWeights:
    """How often each kind of task comes; sources of real images share theirs by ``sources``.

    Attributes:
        other_sources: share of each source that ``sources`` does not name.
        subjects: tasks of several subjects: cases of one source; label maps and random anatomy bent into patients.
        whole_slices: slices seen whole, without hints, context of the same and of other cases: of real scans (half),
            label maps, and supervoxels.
        copies: rows of equal structures, of which each must be told from its neighbours.
        apart: how differently the pictures of a task are placed.
        planes: of the tasks within a volume that have hints, how many have planes of other axes painted, too.
        same_structures: sources whose cases hold the same structures under the same numbers, and lie alike.
    """

    real: float = 0.35
    label_maps: float = 0.16
    supervoxels: float = 0.28
    anatomy: float = 0.13
    images: float = 0.08
    sources: dict[str, float] = field(
        default_factory=lambda: {
            "mri_hippocampus_msd": 0.20,
            "mri_fetal_brain_atlas": 0.20,
            "mri_brain_atlases": 0.18,
            "ct_body_totalsegmentator": 0.26,
            "mri_ms_lesions": 0.07,
            "mri_lesions_pyradiomics": 0.09,
        }
    )
    other_sources: float = 0.1
    subjects: float = 0.0
    whole_slices: float = 0.0
    copies: float = 0.0
    apart: Placing = TOGETHER
    planes: float = 0.0
    same_structures: tuple[str, ...] = ("mri_hippocampus_msd", "mri_fetal_brain_atlas", "labelmaps_head_synthseg")


def training_mixture(data: Path, cache: Path, weights: MixtureWeights | None = None) -> list[tuple[Tasks, float]]:
    """All kinds of training tasks that a data folder offers, with their weights."""
    weights = weights or MixtureWeights()
    dropout, planes = HintDropout(), weights.planes
    mixture: list[tuple[Tasks, float]] = [
        (VolumeTasks(random_anatomy, dropout=dropout, planes=planes), weights.anatomy)
    ]
    real = labelled_sources(data)
    shares = {name: weights.sources.get(name, weights.other_sources) for name in real}
    for name, loaders in real.items():
        mixture.append(
            (
                VolumeTasks(pick(loaders), dropout=dropout, planes=planes),
                weights.real * shares[name] / sum(shares.values()),
            )
        )
    maps = [loader for loaders in label_map_sources(data).values() for loader in loaders]
    if maps:
        mixture.append((VolumeTasks(pick(maps), dropout=dropout, planes=planes), weights.label_maps))
    files = [made for path in scans_without_names(data) for made in prepare(path, cache)]
    if files:
        mixture.append((VolumeTasks(_SupervoxelDraw(files), dropout=dropout, planes=planes), weights.supervoxels))
    sets = image_sets(data)
    if sets:
        mixture.append((ImageTasks(sets, placing=weights.apart), weights.images))
    if weights.copies:
        mixture.append((CopiesTasks(), weights.copies))
    if weights.whole_slices:
        mixture += _whole_slices(data, weights, shares, files)
    if weights.subjects:
        draws: list[DrawSubjects] = [BentPatients(random_anatomy)]
        draws += [draw for name, draw in several_cases(data).items() if name in weights.same_structures]
        draws += [BentPatients(pick(maps))] if maps else []
        bare = HintDropout(everything=_BARE)
        mixture += [(SubjectTasks(draw, dropout=bare), weights.subjects / len(draws)) for draw in draws]
    return mixture


def _whole_slices(
    data: Path, weights: MixtureWeights, shares: dict[str, float], files: list[Path]
) -> list[tuple[Tasks, float]]:
    """Tasks of whole slices; cases of a source stand for each other where they hold the same structures."""
    several = several_cases(data)
    real: list[tuple[DrawSubjects, float]] = [
        (several[name] if name in several and name in weights.same_structures else OneCase(pick(loaders)), shares[name])
        for name, loaders in labelled_sources(data).items()
    ]
    made_up: list[tuple[DrawSubjects, float]] = []
    for name, loaders in label_map_sources(data).items():
        alike = name in weights.same_structures and len(loaders) > 1
        draw = SeveralCases([[loader] for loader in loaders]) if alike else OneCase(pick(loaders))
        made_up.append((draw, math.sqrt(len(loaders))))
    machine: list[tuple[DrawSubjects, float]] = [(OneCase(_SupervoxelDraw(files)), 1.0)] if files else []
    mixture: list[tuple[Tasks, float]] = []
    for draws, share in ((real, 0.5), (made_up, 0.3), (machine, 0.2)):
        total = sum(part for _, part in draws)
        mixture += [(WholeSliceTasks(draw), weights.whole_slices * share * part / total) for draw, part in draws]
    return mixture


class _SupervoxelDraw:
    """A draw from prepared scans, each read once in a process; pickled without them, for workers started afresh."""

    def __init__(self, files: list[Path]) -> None:
        self.files = files
        self.volumes: dict[Path, SupervoxelVolume] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"files": self.files, "volumes": {}}

    def __call__(self, rng: np.random.Generator) -> LabelledVolume:
        path = self.files[rng.integers(len(self.files))]
        if path not in self.volumes:
            self.volumes[path] = SupervoxelVolume(path)
        return self.volumes[path].draw(rng)


class BatchStream(Dataset[TaskBatch]):
    """Batches by number: every task depends on the seed, the number of its batch and its place in there only.

    Args:
        mixture: kinds of tasks and their weights.
        plan: shapes of batches.
        seed: of everything.
        length: number of batches.
    """

    def __init__(self, mixture: list[tuple[Tasks, float]], plan: BatchPlan, seed: int, length: int) -> None:
        self.kinds = [kind for kind, _ in mixture]
        total = sum(weight for _, weight in mixture)
        self.weights = np.array([weight / total for _, weight in mixture])
        self.plan, self.seed, self.length = plan, seed, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, number: int) -> TaskBatch:
        return self.part(number, range(self.plan.tasks))

    def part(self, number: int, places: range) -> TaskBatch:
        """Some of the tasks of a batch."""
        shape = self.plan.draw(np.random.default_rng([self.seed, number, 0]), number)
        return TaskBatch.collate(
            [self._task(np.random.default_rng([self.seed, number, 1 + place]), shape) for place in places]
        )

    def _task(self, rng: np.random.Generator, shape: TaskShape) -> TaskBatch:
        """One task of any kind, by the generator alone."""
        for _ in range(1000):
            kind = self.kinds[rng.choice(len(self.kinds), p=self.weights)]
            try:
                return kind(rng, shape)
            except Unsuitable:
                continue
        raise RuntimeError("1000 draws in a row gave no task: the data folder holds nothing large enough to learn from")
