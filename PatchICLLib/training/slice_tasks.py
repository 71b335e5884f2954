"""Tasks from the paper's data sets: a label drawn uniformly, context of the same case first (paper, section 4.1)."""

from collections import defaultdict
from typing import TypeVar

import numpy as np

from PatchICLLib.datasets.example import Example, Examples
from PatchICLLib.training.augmentation import IntensityAugmentation
from PatchICLLib.training.image_tasks import Picture, render_images
from PatchICLLib.training.stacks import Unsuitable
from PatchICLLib.training.task_batch import TaskBatch
from PatchICLLib.training.tasks import TaskShape

Item = TypeVar("Item")


class SliceTasks:
    """Tasks of slices or pictures, which are read when they are drawn.

    Args:
        data: whose targets serve as targets and as context, so that a split stays by itself.
        same_case_first: further targets and context come from the first target's case as long as there are any, then
            from others; if False every image of a task is of another subject.
        augment: change intensities, turn, zoom and mirror.
    """

    def __init__(self, data: Examples, same_case_first: bool = True, augment: bool = True) -> None:
        self.data, self.same_case_first = data, same_case_first
        self.augmentation = IntensityAugmentation() if augment else None
        classes: dict[tuple[str, str], dict[str, list[Example]]] = defaultdict(lambda: defaultdict(list))
        for example in sorted(data.examples()):
            classes[example.dataset, example.label][example.plane].append(example)
        self.classes = [[*planes.values()] for planes in classes.values()]

    def __call__(self, rng: np.random.Generator, shape: TaskShape) -> TaskBatch:
        """One task (B = 1).

        Raises:
            Unsuitable: the structure is in too few images; draw again.
        """
        examples = self.draw(rng, shape.context + shape.targets)
        context, targets = examples[shape.targets :], examples[: shape.targets]
        pictures = [Picture(*self.data.read(example)) for example in (*context, *targets)]
        return render_images(pictures, rng, shape, self.augmentation)

    def draw(self, rng: np.random.Generator, count: int) -> list[Example]:
        """Examples of one structure across one axis: a target first, then the rest in the order in which they serve.

        Raises:
            Unsuitable: the structure is in too few images.
        """
        planes = self.classes[rng.integers(len(self.classes))]
        examples = planes[rng.integers(len(planes))]
        subjects: dict[str, list[Example]] = defaultdict(list)
        for example in examples:
            subjects[example.subject].append(example)
        names = [*subjects]
        first = names[rng.integers(len(names))]
        own = _shuffled(subjects[first], rng)
        if self.same_case_first:
            order = own + _shuffled([e for e in examples if e.subject != first], rng)
        else:
            others = _shuffled([name for name in names if name != first], rng)
            order = own[:1] + [subjects[name][rng.integers(len(subjects[name]))] for name in others]
        if len(order) < count:
            raise Unsuitable
        return order[:count]


def _shuffled(items: list[Item], rng: np.random.Generator) -> list[Item]:
    return [items[i] for i in rng.permutation(len(items))]
