"""Pure in-context tasks: context and target are different images of one kind, as in the paper; no hints."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch

from PatchICLLib.datasets.image_folders import INSTANCES
from PatchICLLib.datasets.split import is_development
from PatchICLLib.propagation.geometry.normalisation import Normalisation
from PatchICLLib.propagation.geometry.region import Region
from PatchICLLib.training.augmentation import IntensityAugmentation
from PatchICLLib.training.stacks import Unsuitable
from PatchICLLib.training.task_batch import TaskBatch
from PatchICLLib.training.tasks import TaskShape


@dataclass(frozen=True)
class Picture:
    """Attributes: image (H, W) numbers, mask (H, W) bool, and the distances of rows and of columns."""

    image: np.ndarray
    mask: np.ndarray
    spacing: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True)
class Placing:
    """How differently the images of a task are seen.

    Attributes:
        shift: largest move along rows and columns, in fields of view.
        size, angle: deviations of the logarithm of the size and of the angle in radians.
    """

    shift: float = 0.0
    size: float = 0.0
    angle: float = 0.0


TOGETHER, APART = Placing(), Placing(0.25, 0.1, 0.1)
_LONGEST = 512  # pixels of a side
_INSIDE = 0.4  # fields of view from the centre at most, where the middle of a structure is moved to


@dataclass(frozen=True)
class ImageSet:
    """2D images of one kind: (H, W) float32 images and integer label maps."""

    name: str
    images: tuple[np.ndarray, ...]
    labels: tuple[np.ndarray, ...]


def _grey(path: Path) -> np.ndarray:
    array = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    return array.astype(np.float32) if array.ndim == 2 else array[..., :3].astype(np.float32).mean(-1)


def image_sets(data: Path) -> list[ImageSet]:
    """Sets of 2D images (`*_image.png` beside `*_label.png`) below a data folder, without the development split."""
    sets = []
    for folder in sorted(p for p in data.iterdir() if p.is_dir()):
        images, labels = [], []
        for path in sorted(folder.glob("*_image.png")):
            if is_development(path.relative_to(data)):
                continue
            image = _grey(path)
            label = _grey(path.with_name(path.name.replace("_image", "_label"))).astype(np.int32)
            step = -(-max(image.shape) // _LONGEST)
            images.append(image[::step, ::step])
            labels.append(
                (label > 0).astype(np.int32)[::step, ::step] if INSTANCES in folder.name else label[::step, ::step]
            )
        if len(images) > 5:
            sets.append(ImageSet(folder.name, tuple(images), tuple(labels)))
    return sets


class ImageTasks:
    """Tasks across the images of a set; each image is normalised by itself and seen whole, or nearly so.

    Args:
        sets: of images.
        augment: change intensities, turn, zoom and mirror.
        placing: how differently the images of a task are seen.
    """

    def __init__(self, sets: list[ImageSet], augment: bool = True, placing: Placing = TOGETHER) -> None:
        self.sets, self.placing = sets, placing
        self.augmentation = IntensityAugmentation() if augment else None

    def __call__(self, rng: np.random.Generator, shape: TaskShape) -> TaskBatch:
        """One task (B = 1).

        Raises:
            Unsuitable: draw again.
        """
        chosen = self.sets[rng.integers(len(self.sets))]
        present = np.unique(chosen.labels[rng.integers(len(chosen.labels))])
        if present[-1] == 0:
            raise Unsuitable
        value = rng.choice(present[present > 0])
        holders = [i for i, labels in enumerate(chosen.labels) if (labels == value).sum() >= 30]
        count = shape.context + shape.targets
        if len(holders) < count:
            raise Unsuitable
        numbers = rng.choice(holders, count, replace=False)
        pictures = [Picture(chosen.images[number], chosen.labels[number] == value) for number in numbers]
        return render_images(pictures, rng, shape, self.augmentation, self.placing)


def render_images(
    pictures: list[Picture],
    rng: np.random.Generator,
    shape: TaskShape,
    augmentation: IntensityAugmentation | None,
    placing: Placing = TOGETHER,
) -> TaskBatch:
    """A task (B = 1) of images that are seen whole, or nearly so, as the network gets them.

    Args:
        pictures: of any sizes, first the context, then the targets.
        rng: decides how the images are turned, zoomed and mirrored, alike for all but for ``placing``.
        shape: of the task.
        augmentation: None for images as they are.
        placing: how differently; only where there is an augmentation.

    Raises:
        Unsuitable: nothing of the structure is left in the context.
    """
    zoom, angle, mirror = 1.0, 0.0, False
    if augmentation is not None:
        zoom = float(rng.uniform(0.7, 1.1))
        angle = float(rng.integers(4) * np.pi / 2 + rng.uniform(-0.2, 0.2)) if rng.random() < 0.5 else 0.0
        mirror = bool(rng.random() < 0.5)
    seed = int(rng.integers(2**31))
    images, masks = [], []
    for picture in pictures:
        low, high = np.percentile(picture.image, [0.3, 99.7])
        unit = np.clip((picture.image - low) / (high - low + 1e-6), 0, 1)[None]
        if augmentation is not None:  # the same look for all images of a task
            unit = augmentation(unit, np.random.default_rng(seed))
        region = replace(_whole(picture).grown(zoom), angle=angle, mirror=mirror)
        if augmentation is not None and placing != TOGETHER:
            region = _elsewhere(region, picture.mask, rng, placing)
        seen = region.sample(unit, shape.size)
        images.append(Normalisation.fit(seen).standard(seen)[0])
        masks.append(region.sample(picture.mask[None], shape.size)[0])
    if max(float(mask.max()) for mask in masks[: shape.context]) < 0.5:
        raise Unsuitable
    return TaskBatch.of(shape.context, torch.stack(images), torch.stack(masks), torch.zeros(len(pictures)))


def _whole(picture: Picture) -> Region:
    rows, columns = picture.mask.shape
    side = max(rows * picture.spacing[0], columns * picture.spacing[1])
    return Region(((rows - 1) / 2, (columns - 1) / 2), float(side), picture.spacing)


def _elsewhere(region: Region, mask: np.ndarray, rng: np.random.Generator, placing: Placing) -> Region:
    """The region moved, sized and turned at random, with the middle of the mask still in sight."""
    region = replace(
        region.grown(float(np.exp(rng.normal(0, placing.size)))), angle=region.angle + rng.normal(0, placing.angle)
    )
    extent = region.side / np.asarray(region.spacing)
    centre = region.centre + rng.uniform(-placing.shift, placing.shift, 2) * extent
    if mask.any():
        middle = np.array([np.flatnonzero(mask.any(1 - a)).mean() for a in (0, 1)])
        centre = np.clip(centre, middle - _INSIDE * extent, middle + _INSIDE * extent)
    return replace(region, centre=(float(centre[0]), float(centre[1])))
