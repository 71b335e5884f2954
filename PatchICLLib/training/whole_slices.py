"""Tasks of whole slices without hints: context from other slices of the same case, from other cases, or from both."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from PatchICLLib.training.augmentation import IntensityAugmentation
from PatchICLLib.training.image_tasks import APART, TOGETHER, Picture, render_images
from PatchICLLib.training.stacks import Unsuitable
from PatchICLLib.training.subject_tasks import DrawSubjects
from PatchICLLib.training.synthetic import Tissues, paint_labels, smooth_noise
from PatchICLLib.training.task_batch import TaskBatch
from PatchICLLib.training.tasks import TaskShape
from PatchICLLib.training.volumes import LabelledVolume

_PIXELS = 30  # of the structure that a slice needs
_OWN, _MIXED = 0.5, 0.15  # of the tasks have context of the same case alone, and of both
_ALIKE = 0.7  # of the made-up tasks show all cases in the same contrast
_CASES = 3  # other cases at most
_BEND = 0.01, 0.05  # of the field of view, deviation of a point of a bent picture from where it was
_CONTROL = 5  # points of a bend along an axis


class OneCase:
    """Draws a structure of one volume; can be pickled, for workers that are started afresh.

    Args:
        draw: gives a volume.
    """

    def __init__(self, draw: Callable[[np.random.Generator], LabelledVolume]) -> None:
        self.draw = draw

    def __call__(self, rng: np.random.Generator, count: int) -> list[LabelledVolume]:
        """One volume, however many are asked for, with that structure as its only object.

        Raises:
            Unsuitable: it has none.
        """
        volume = self.draw(rng)
        if not volume.objects:
            raise Unsuitable
        return [volume.only(int(rng.choice(list(volume.objects))))]


class WholeSliceTasks:
    """Tasks as `patchicl evaluate volumes` asks them: slices seen whole, each normalised by itself.

    Context of other cases is placed, sized and turned a little differently from the targets. Where a volume is the only
    one of its kind, its own slices, each bent by itself, are slices of other cases.

    Args:
        draw: gives volumes of up to so many cases, each with the same structure as its only object.
        augment: change intensities, turn, zoom and mirror.
    """

    def __init__(self, draw: DrawSubjects, augment: bool = True) -> None:
        self.draw = draw
        self.augmentation = IntensityAugmentation() if augment else None

    def __call__(self, rng: np.random.Generator, shape: TaskShape) -> TaskBatch:
        """One task (B = 1).

        Raises:
            Unsuitable: too few slices show the structure; draw again.
        """
        kind = rng.random()
        others = 0
        if kind >= _OWN:
            others = shape.context if kind >= _OWN + _MIXED else int(rng.integers(1, shape.context + 1))
        volumes = self.draw(rng, 1 + min(others, _CASES))
        axis = int(rng.integers(3))
        tissues = _tissues(rng, volumes)
        single = len(volumes) == 1
        own = _chosen(volumes[0], axis, rng, shape.targets + shape.context - (0 if single else others))
        pictures = [_picture(volumes[0], axis, index, rng, tissues[0]) for index in own]
        targets, context = pictures[: shape.targets], pictures[shape.targets :]
        if single:
            context = [bent_picture(p, rng) if n < others else p for n, p in enumerate(context)]
        else:
            parts = np.array_split(np.arange(others), len(volumes) - 1)
            context += [
                _picture(volume, axis, index, rng, look)
                for volume, look, part in zip(volumes[1:], tissues[1:], parts, strict=True)
                for index in _chosen(volume, axis, rng, len(part))
            ]
        return render_images([*context, *targets], rng, shape, self.augmentation, APART if others else TOGETHER)


def bent_picture(picture: Picture, rng: np.random.Generator) -> Picture:
    """The same of another patient, bent smoothly."""
    shape = picture.mask.shape
    deviation = rng.uniform(*_BEND) * max(shape)
    places = smooth_noise(rng, shape, (_CONTROL,) * 2, 2) * np.float32(deviation)
    for axis, ramp in enumerate(np.ogrid[tuple(slice(n) for n in shape)]):
        places[axis] += ramp
    image = ndimage.map_coordinates(picture.image, places, order=1, mode="nearest")
    mask = ndimage.map_coordinates(picture.mask.view(np.uint8), places, order=0, mode="nearest") > 0
    return Picture(image, mask, picture.spacing)


def _tissues(rng: np.random.Generator, volumes: list[LabelledVolume]) -> list[Tissues | None]:
    """How the labels of each volume look, if images are made up: in most tasks the same numbers alike in all."""
    if volumes[0].image is not None:
        return [None] * len(volumes)
    numbers = [np.array(v.values) if v.values else np.arange(int(v.labels.max()) + 1) for v in volumes]
    count = 1 + max(int(n.max()) for n in numbers)
    looks = [Tissues.drawn(rng, count)]
    alike = rng.random() < _ALIKE
    looks += [looks[0] if alike else Tissues.drawn(rng, count) for _ in volumes[1:]]
    return [Tissues(look.means[n], look.deviations[n]) for look, n in zip(looks, numbers, strict=True)]


def _chosen(volume: LabelledVolume, axis: int, rng: np.random.Generator, count: int) -> list[int]:
    """So many slices across an axis that show the volume's only object."""
    ((label, box),) = volume.objects.items()
    inside = volume.labels[box] == label
    pixels = inside.sum(tuple(a for a in range(3) if a != axis))
    shown = np.flatnonzero(pixels >= _PIXELS) + box[axis].start
    if len(shown) < count:
        raise Unsuitable
    return [int(index) for index in rng.choice(shown, count, replace=False)]


def _picture(
    volume: LabelledVolume, axis: int, index: int, rng: np.random.Generator, tissues: Tissues | None
) -> Picture:
    labels = np.take(volume.labels, index, axis)
    if volume.image is None:
        image = paint_labels(rng, labels[None], tissues)[0]
    else:
        image = np.take(volume.image, index, axis).astype(np.float32)
    (label,) = volume.objects
    rows, columns = (step for a, step in enumerate(volume.spacing) if a != axis)
    return Picture(image, labels == label, (rows, columns))
