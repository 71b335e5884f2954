"""Training tasks cut from the finished cases of a library."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from PatchICLLib.library import Library
from PatchICLLib.training.tasks import HintDropout, VolumeTasks
from PatchICLLib.training.volumes import LabelledVolume, short


class CaseVolumes:
    """A draw of a case, each equally likely; pickled as numbers, for workers that are started afresh.

    Args:
        library: folder of the library.
        numbers: of the cases.
    """

    def __init__(self, library: Path, numbers: Sequence[int]) -> None:
        self.library, self.numbers = library, tuple(numbers)

    def __call__(self, rng: np.random.Generator) -> LabelledVolume:
        layers = _layers(self.library, self.numbers[rng.integers(len(self.numbers))])
        return layers[rng.integers(len(layers))]


@functools.lru_cache(maxsize=32)
def _layers(library: Path, number: int) -> tuple[LabelledVolume, ...]:
    """A case, once for each layer of its mask that holds anything."""
    case = Library.open(library).case(number)
    masks = case.mask if case.mask.ndim == 4 else case.mask[None]
    return tuple(LabelledVolume.of(short(case.image), mask, case.spacing) for mask in masks if mask.any())


def case_tasks(library: Path, numbers: Sequence[int]) -> VolumeTasks:
    """Some slices of a structure painted, others to be found: whole structures only, and never without all hints."""
    tasks = VolumeTasks(CaseVolumes(library, numbers), dropout=HintDropout(everything=0.0))
    tasks.parcels = 0.0
    return tasks
