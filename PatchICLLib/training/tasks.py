"""In-context tasks cut from volumes: a few painted slices, a few slices to predict, everything the product computes.

A task goes through the same region of interest, normalisation and hints as a propagation at inference. Batch i of a
seed is always the same, so that an interrupted training resumes as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.cascade.hint_channels import Hints
from PatchICLLib.hints.likelihood import Likelihood
from PatchICLLib.hints.painted_stack import VOTE_SIZE, PaintedStack, guides_on_slices
from PatchICLLib.propagation.geometry.normalisation import Normalisation
from PatchICLLib.propagation.geometry.region import Region
from PatchICLLib.propagation.geometry.sliced_volume import bounding_box
from PatchICLLib.propagation.painted_context import input_size
from PatchICLLib.training.augmentation import IntensityAugmentation
from PatchICLLib.training.parcels import parcel
from PatchICLLib.training.synthetic import paint_labels
from PatchICLLib.training.volumes import LabelledVolume

_PARCELS = 0.25  # of structures that are not pseudo-labels are cut into parts without an edge

Draw = Callable[[np.random.Generator], LabelledVolume]


@dataclass(frozen=True)
class TaskShape:
    """How many slices, and how large; the same for all tasks of a batch.

    Attributes:
        context, targets: painted slices and slices to predict.
        size: pixels a side.
        fitted: share of the draws within volumes that are refused if the product would show them at another size.
        hints: whether hints are computed; models that do not read them learn from more tasks in the same time.
    """

    context: int
    targets: int
    size: int
    fitted: float = 0.0
    hints: bool = True


@dataclass(frozen=True)
class TaskBatch:
    """B tasks of k context and T target images of S pixels a side.

    Attributes:
        context_images, context_masks: (B, k, S, S).
        context_positions: (B, k).
        target_images, target_masks: (B*T, 1, S, S).
        target_positions: (B*T,).
        hints: of the B*T targets.
    """

    context_images: Tensor
    context_masks: Tensor
    context_positions: Tensor
    target_images: Tensor
    target_masks: Tensor
    target_positions: Tensor
    hints: Hints

    @classmethod
    def collate(cls, tasks: list[TaskBatch]) -> TaskBatch:
        """Join batches of equal shapes."""
        joined = {f.name: torch.cat([getattr(t, f.name) for t in tasks]) for f in fields(cls) if f.name != "hints"}
        hints = Hints(*(torch.cat([getattr(t.hints, f.name) for t in tasks]) for f in fields(Hints)))
        return cls(hints=hints, **joined)

    def to(self, device: torch.device | str) -> TaskBatch:
        moved = {f.name: getattr(self, f.name).to(device) for f in fields(self)}
        return TaskBatch(**moved)


@dataclass(frozen=True)
class HintDropout:
    """How often a task must do without: everything (pure in-context), or one of the hints."""

    everything: float = 0.15
    shape: float = 0.1
    vote: float = 0.1
    neighbours: float = 0.1

    def __call__(self, hints: Hints, rng: np.random.Generator) -> Hints:
        if rng.random() < self.everything:
            keep = (0.0, 0.0, 0.0)
        else:
            shape, vote, neighbours = (float(rng.random() >= p) for p in (self.shape, self.vote, self.neighbours))
            keep = (shape, vote, neighbours)
        return replace(
            hints,
            shape_given=hints.shape_given * keep[0],
            vote_given=hints.vote_given * keep[1],
            neighbours_given=hints.neighbours_given * keep[2],
        ).masked()


class Unsuitable(Exception):
    """The draw gives no sensible task; draw again."""


def draw_batch(
    kind: Callable[[np.random.Generator, TaskShape], TaskBatch],
    rng: np.random.Generator,
    shape: TaskShape,
    count: int,
    tries: int,
) -> TaskBatch | None:
    """A batch of up to ``count`` tasks of one kind, or None if ``tries`` draws gave not one."""
    drawn: list[TaskBatch] = []
    for _ in range(tries):
        if len(drawn) == count:
            break
        try:
            drawn.append(kind(rng, shape))
        except Unsuitable:
            continue
    return TaskBatch.collate(drawn) if drawn else None


@dataclass(frozen=True)
class Stack:
    """Slices around a structure along one axis, every ``stride``-th of the volume, cut to the structure's surroundings.

    Attributes:
        image: (Z, h, w) float32, about 0 to 1.
        mask: (Z, h, w) bool.
        painted: (k,) ascending places of the painted slices.
        spacing: (sz, sy, sx) in mm, strides included.
    """

    image: np.ndarray
    mask: np.ndarray
    painted: np.ndarray
    spacing: tuple[float, float, float]


def draw_painted(rng: np.random.Generator, count: int, k: int) -> np.ndarray:
    """Places of k painted slices among ``count`` slices of a structure: spanning it, inset, or at random."""
    kind = rng.random()
    if kind < 0.4 and k > 1:
        places = np.linspace(0, count - 1, k)
    elif kind < 0.65:
        places = (np.arange(k) + 0.5) / k * count - 0.5
    else:
        places = np.linspace(rng.uniform(0, 0.25), 1 - rng.uniform(0, 0.25), k) * (count - 1)
        places = places + rng.normal(0, 0.06, k) * count
    return np.unique(np.clip(np.floor(places + 0.5), 0, count - 1).astype(int))


def cut_stack(volume: LabelledVolume, rng: np.random.Generator, k: int, minimum: int, parcels: float = 0.0) -> Stack:
    """A structure of the volume along a random axis, or, in a share of ``parcels``, a part of it; with slices to paint.

    Raises:
        Unsuitable: the structure is too small for the task.
    """
    if not volume.objects:
        raise Unsuitable
    label = int(rng.choice(list(volume.objects)))
    box, axis = volume.objects[label], int(rng.integers(3))
    part = None
    if parcels and not volume.pseudo and rng.random() < parcels:
        part = np.zeros(volume.labels.shape, bool)
        piece = part[box] = parcel(volume.labels[box] == label, rng)
        around = bounding_box(piece)
        box = tuple(slice(b.start + a.start, b.start + a.stop) for b, a in zip(box, around, strict=True))
    first, last = box[axis].start, box[axis].stop - 1
    extent = last - first + 1
    stride = max(int(rng.choice([1, 1, 1, 2, 3, 5, 7])), -(-extent // 48))
    while stride > 1 and extent / stride < k + 4:
        stride -= 1
    first += int(rng.integers(stride))
    slices = np.arange(first, last + 1, stride)
    plane = [a for a in range(3) if a != axis]
    if len(slices) < max(k + 2, 4) or min(box[a].stop - box[a].start for a in plane) < 4:
        raise Unsuitable
    painted = draw_painted(rng, len(slices), k)
    if len(painted) < k:
        raise Unsuitable
    before = [z for z in first - stride * np.arange(4, 0, -1) if z >= 0]
    after = [z for z in slices[-1] + stride * np.arange(1, 5) if z < volume.labels.shape[axis]]
    painted = painted + len(before)
    every = np.concatenate([before, slices, after]).astype(int)
    if k > 2 and rng.random() < 0.1 and (before or after):  # a slice declared empty takes the place of a painted one
        outside = rng.choice(np.r_[np.arange(len(before)), len(every) - 1 - np.arange(len(after))].astype(int))
        painted = np.unique(np.r_[np.delete(painted, int(rng.integers(k))), outside])
    if len(every) - len(painted) < minimum:
        raise Unsuitable
    spacing = (volume.spacing[axis] * stride, volume.spacing[plane[0]], volume.spacing[plane[1]])
    window = []
    for a in plane:
        margin = (
            int(0.9 * max((box[b].stop - box[b].start) * volume.spacing[b] for b in plane) / volume.spacing[a]) + 12
        )
        window.append(slice(max(0, box[a].start - margin), box[a].stop + margin))

    def cut(array: np.ndarray) -> np.ndarray:
        return np.moveaxis(np.take(array, every, axis), axis, 0)[:, window[0], window[1]]

    labels = cut(volume.labels)
    mask = labels == label if part is None else cut(part)
    if volume.image is None:
        image = paint_labels(rng, labels)
    else:
        image = cut(volume.image).astype(np.float32)
        low, high = np.percentile(image[:: max(1, len(image) // 16)], [0.3, 99.7])
        image = np.clip((image - low) / (high - low + 1e-6), 0, 1)
    if not mask[painted].any():
        raise Unsuitable
    if volume.pseudo or (volume.image is None and part is None):
        # anatomy without an edge teaches to trust the painted shapes; what a machine cut out at random teaches nothing
        _demand_contrast(image[painted], mask[painted], rng, 0.9 if volume.pseudo else 0.4)
    return Stack(image, mask, painted, spacing)


def _demand_contrast(image: np.ndarray, mask: np.ndarray, rng: np.random.Generator, rejected: float) -> None:
    """Reject a share of the objects that no eye could follow, having no edge."""
    inside = image[mask]
    ring = mask.copy()
    for shift in (-3, 3):
        ring |= np.roll(mask, shift, 1) | np.roll(mask, shift, 2)
    outside = image[ring & ~mask]
    if len(inside) < 20 or len(outside) < 5:
        raise Unsuitable
    if abs(inside.mean() - outside.mean()) < 0.3 * image.std() + 1e-4 and rng.random() < rejected:
        raise Unsuitable


class VolumeTasks:
    """Tasks within one volume: some slices painted, others predicted.

    Args:
        draw: gives a volume.
        augment: change intensities, turn, mirror and stretch the region, and cut some structures into parcels.
        dropout: how often hints are missing.
    """

    def __init__(self, draw: Draw, augment: bool = True, dropout: HintDropout | None = None) -> None:
        self.draw = draw
        self.augmentation = IntensityAugmentation() if augment else None
        self.parcels = _PARCELS if augment else 0.0
        self.dropout = dropout

    def __call__(self, rng: np.random.Generator, shape: TaskShape) -> TaskBatch:
        """One task (B = 1).

        Raises:
            Unsuitable: draw again.
        """
        stack = cut_stack(self.draw(rng), rng, shape.context, shape.targets, self.parcels)
        return self.render(stack, rng, shape)

    def render(self, stack: Stack, rng: np.random.Generator, shape: TaskShape) -> TaskBatch:
        """The stack as the network gets it."""
        image = self.augmentation(stack.image, rng) if self.augmentation else stack.image
        painted, depth = stack.painted, len(stack.image)
        free = np.setdiff1d(np.arange(depth), painted)
        targets = np.sort(rng.choice(free, shape.targets, replace=False))
        region = self._region(stack, rng)
        if shape.fitted and input_size(region) != shape.size and rng.random() < shape.fitted:
            raise Unsuitable
        outside = "zeros" if rng.random() < 0.5 else "border"
        step = stack.spacing[0] / region.side
        masks = region.sample(stack.mask[painted], shape.size)
        if masks.amax() < 0.5:
            raise Unsuitable
        chosen = region.sample(image[np.r_[painted, targets]], shape.size, outside)
        normalisation = Normalisation.around(chosen[: len(painted)], masks)
        chosen = normalisation.standard(chosen)
        painted_stack = PaintedStack(chosen[: len(painted)], masks, painted * step)
        hints = Hints.none(chosen[len(painted) :, None])
        if shape.hints:
            # vote and motion need every slice of the stack, the network only the chosen ones
            seen = normalisation.unit(region.sample(image, VOTE_SIZE, outside))
            painted_masks = region.sample(stack.mask[painted], VOTE_SIZE)
            learned = Likelihood.learned(seen[painted], painted_masks)
            guides = guides_on_slices(seen, painted_masks, painted, step, targets, learned)
            hints = painted_stack.hints(targets * step, guides)
            if self.dropout is not None:
                hints = self.dropout(hints, rng)
        centre = float(painted.mean()) * step
        return TaskBatch(
            painted_stack.images[None],
            masks[None],
            array_tensor(painted * step - centre)[None],
            chosen[len(painted) :, None],
            region.sample(stack.mask[targets], shape.size)[:, None],
            array_tensor(targets * step - centre),
            hints,
        )

    def _region(self, stack: Stack, rng: np.random.Generator) -> Region:
        extent = stack.mask[stack.painted].any(0)
        region = Region.around(extent, stack.spacing[1:])
        if self.augmentation is None:
            return region
        region = region.grown(rng.uniform(0.95, 1.3))
        shift = rng.uniform(-0.06, 0.06, 2) * region.side / np.asarray(stack.spacing[1:])
        angle = rng.uniform(-0.35, 0.35) if rng.random() < 0.6 else 0.0
        angle += np.pi / 2 * rng.integers(4) if rng.random() < 0.4 else 0.0
        return replace(
            region,
            centre=(region.centre[0] + shift[0], region.centre[1] + shift[1]),
            angle=float(angle),
            mirror=bool(rng.random() < 0.5),
            stretch=float(np.exp(rng.normal(0, 0.08))),
        )
