"""Training tasks cut from the finished cases of a library, as near to what the product will be asked as can be."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from PatchICLLib.evaluation.protocol import through_plane_axis
from PatchICLLib.library import Library
from PatchICLLib.propagation.geometry.region import Region
from PatchICLLib.propagation.painted_context import input_size
from PatchICLLib.training.augmentation import Window, bias_field
from PatchICLLib.training.stacks import Stack, cut_stack
from PatchICLLib.training.task_batch import TaskBatch
from PatchICLLib.training.tasks import Alike, HintDropout, StackTasks, TaskShape
from PatchICLLib.training.volumes import LabelledVolume, short

_ACROSS = 0.85  # of the tasks go along the axis across the slices as they were acquired
_TURNED, _STRETCHED, _MOVED = 0.1, 0.05, 0.03  # deviations: radians, of the logarithm, of the side
_GROWN = 0.97, 1.15
_GAMMA, _NOISE, _GAIN = (0.6, 1.7), 0.08, 0.06
_DROPOUT = HintDropout(everything=0.0, shape=0.05, vote=0.05, neighbours=0.05)


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

    def all(self) -> list[LabelledVolume]:
        """Each of them once."""
        return [volume for number in self.numbers for volume in _layers(self.library, number)]


@functools.lru_cache(maxsize=32)
def _layers(library: Path, number: int) -> tuple[LabelledVolume, ...]:
    """A case, once for each layer of its mask that holds anything."""
    case = Library.open(library).case(number)
    masks = case.mask if case.mask.ndim == 4 else case.mask[None]
    return tuple(LabelledVolume.of(short(case.image), mask, case.spacing) for mask in masks if mask.any())


class IntensityVariation:
    """Contrast, bias field, blur, noise, polarity and gain differ: more than scans of a library do, as in the training
    of the weights, lest they forget what they know of others."""

    def __call__(self, stack: np.ndarray, rng: np.random.Generator, window: Window | None = None) -> np.ndarray:
        made = np.clip(stack, 0, None)
        if rng.random() < 0.5:
            made = made ** np.float32(rng.uniform(*_GAMMA))
        if rng.random() < 0.2:
            made = made * bias_field(rng, stack.shape, window)
        if rng.random() < 0.15:
            made = ndimage.gaussian_filter(made, (rng.uniform(0.1, 0.4), *rng.uniform(0.4, 1.0, 2)))
        if rng.random() < 0.4:
            made = made + rng.normal(0, _NOISE * rng.random(), made.shape)
        if rng.random() < 0.15:
            made = 1 - made
        if rng.random() < 0.3:
            made = made * (1 + _GAIN * rng.normal(size=(len(made), 1, 1)))
        return made.astype(np.float32)


class CaseTasks(StackTasks):
    """Some slices of a structure painted, others to be found: whole structures, upright, slice by slice, with hints.

    Args:
        volumes: to draw from.
    """

    def __init__(self, volumes: CaseVolumes) -> None:
        super().__init__(augment=False, dropout=_DROPOUT)
        self.augmentation = IntensityVariation()
        self.volumes = volumes

    def __call__(self, rng: np.random.Generator, shape: TaskShape) -> TaskBatch:
        """One task (B = 1).

        Raises:
            Unsuitable: draw again.
        """
        return self.render(self._stack(rng, shape), rng, shape)

    def sizes(self) -> tuple[tuple[int, float], ...]:
        """Inputs that the product would show the structures with, and how often."""
        counts: dict[int, int] = {}
        for volume in self.volumes.all():
            axis = through_plane_axis(volume.spacing)
            spacing = [step for a, step in enumerate(volume.spacing) if a != axis]
            for label, box in volume.objects.items():
                extent = (volume.labels[box] == label).any(axis)
                size = input_size(Region.around(extent, (spacing[0], spacing[1])))
                counts[size] = counts.get(size, 0) + 1
        return tuple(sorted(counts.items()))

    def _stack(self, rng: np.random.Generator, shape: TaskShape) -> Stack:
        volume = self.volumes(rng)
        axis = through_plane_axis(volume.spacing) if rng.random() < _ACROSS else int(rng.integers(3))
        return cut_stack(volume, rng, shape.context, shape.targets, axis=axis, strides=(1,))

    def _region(self, stack: Stack, rng: np.random.Generator, alike: Alike | None) -> Region:
        region = Region.around(stack.mask[stack.painted].any(0), stack.spacing[1:]).grown(rng.uniform(*_GROWN))
        shift = rng.normal(0, _MOVED, 2) * region.side / np.asarray(stack.spacing[1:])
        return replace(
            region,
            centre=(region.centre[0] + shift[0], region.centre[1] + shift[1]),
            angle=float(rng.normal(0, _TURNED)),
            stretch=float(np.exp(rng.normal(0, _STRETCHED))),
        )


def case_tasks(library: Path, numbers: Sequence[int]) -> CaseTasks:
    """Of cases of a library, which is a folder."""
    return CaseTasks(CaseVolumes(library, numbers))
