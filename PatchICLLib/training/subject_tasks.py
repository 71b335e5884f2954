"""Tasks of several subjects: own painted slices, or none, beside slices of the same structure in others."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.training.stacks import Stack, Unsuitable, cut_stack
from PatchICLLib.training.synthetic import Tissues
from PatchICLLib.training.task_batch import TaskBatch
from PatchICLLib.training.tasks import Alike, HintDropout, StackTasks, TaskShape
from PatchICLLib.training.volumes import LabelledVolume

_MOST = 4  # other subjects of a task
_ALIKE = 0.7  # of the made-up tasks show all subjects in the same contrast
_PLACED = 0.05  # deviation of the scale, and of the offset in lengths of the structure, of another subject's places
_LENGTH = 12**0.5  # of a structure of equal areas in deviations of the places of its slices

DrawSubjects = Callable[[np.random.Generator, int], list[LabelledVolume]]


class SubjectTasks(StackTasks):
    """Tasks whose context is 0 to k - 1 slices of the targets' own scan and, for the rest, slices of other subjects.

    Each other subject is seen through a region and a normalisation of its own, turned as the targets are; its places
    along the axis are the targets': by scale and offset that make the areas of the slices lie alike, about as well as
    they do when the product places a finished case. Hints say what the own slices say, if there are any.

    Args:
        draw: gives volumes of up to so many subjects, each with the same structure as its only object.
        augment: see ``StackTasks``.
        dropout: how often hints are missing; None for never.
    """

    def __init__(self, draw: DrawSubjects, augment: bool = True, dropout: HintDropout | None = None) -> None:
        super().__init__(augment, dropout)
        self.draw = draw

    def __call__(self, rng: np.random.Generator, shape: TaskShape) -> TaskBatch:
        """One task (B = 1).

        Raises:
            Unsuitable: draw again.
        """
        own = int(rng.integers(shape.context))
        most = min(_MOST, shape.context - own)
        target, *others = self.draw(rng, 1 + int(rng.integers(1, most + 1)))
        if not others:
            raise Unsuitable
        axis = int(rng.integers(3))
        alike = _alike(rng, [target, *others])
        shown = max(own, 1)  # with nothing painted one slice still tells where to look
        stack = cut_stack(target, rng, shown, shape.targets, axis=axis)
        known = replace(shape, context=shown, hints=shape.hints and own > 0)
        task, step = self._rendered(stack, rng, known, alike)
        context, subject = [_images(task, 0, own)], [0] * own
        for number, count in enumerate(_shares(shape.context - own, len(others)), 1):
            context.append(
                self._other(others[number - 1], rng, replace(shape, context=count), axis, alike, stack, step)
            )
            subject += [number] * count
        parts = [torch.cat(x, 1) for x in zip(*context, _images(task, shown, None), strict=True)]
        whose = torch.tensor([subject], dtype=torch.uint8)
        return TaskBatch(shape.context, parts[0], parts[1], parts[2], task.given, task.runs, whose)

    def _other(
        self,
        volume: LabelledVolume,
        rng: np.random.Generator,
        shape: TaskShape,
        axis: int,
        alike: Alike,
        target: Stack,
        step: float,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Images, masks and positions of another subject's slices, as targets would have them whose stack this is."""
        stack = cut_stack(volume, rng, shape.context, 0, axis=axis)
        if len(stack.painted) < shape.context:  # a slice declared empty had been one of them
            raise Unsuitable
        seen = self._rendered(stack, rng, replace(shape, targets=0, fitted=0.0, hints=False), alike)[0]
        places = aligned(stack, target)
        if self.augmentation is not None:
            center, deviation = target.profile()
            errors = rng.normal(0, _PLACED, 2)
            places = center + (places - center) * np.exp(errors[0]) + errors[1] * _LENGTH * deviation
        positions = array_tensor((places - target.painted.mean()) * step)[None]
        return seen.images, seen.masks, positions


def aligned(stack: Stack, target: Stack) -> np.ndarray:
    """Where painted slices of one subject's structure lie in that of another: (k,) places within the target's stack.

    By the scale and offset that give the areas of all slices the same mean and deviation.
    """
    (center, deviation), (own_center, own_deviation) = target.profile(), stack.profile()
    return np.asarray(center + (stack.painted - own_center) * deviation / own_deviation)


def _alike(rng: np.random.Generator, volumes: list[LabelledVolume]) -> Alike:
    angle = rng.uniform(-0.35, 0.35) + np.pi / 2 * rng.integers(4) * (rng.random() < 0.4)
    tissues = None
    if volumes[0].image is None and rng.random() < _ALIKE:
        tissues = Tissues.drawn(rng, 1 + max(int(volume.labels.max()) for volume in volumes))
    return Alike(float(angle), bool(rng.random() < 0.5), tissues)


def _images(task: TaskBatch, first: int, end: int | None) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return task.images[:, first:end], task.masks[:, first:end], task.positions[:, first:end]


def _shares(count: int, parts: int) -> list[int]:
    """About equal whole numbers, the larger ones first."""
    return [len(part) for part in np.array_split(np.arange(count), parts)]
