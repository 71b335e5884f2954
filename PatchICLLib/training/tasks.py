"""In-context tasks cut from volumes: a few painted slices, a few slices to predict, everything the product computes.

A task goes through the same region of interest, normalisation and hints as a propagation at inference. Batch i of a
seed is always the same, so that an interrupted training resumes as if nothing had happened.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.hints.painted_runs import VOTE_SIZE
from PatchICLLib.propagation.geometry.normalisation import Normalisation
from PatchICLLib.propagation.geometry.region import Region
from PatchICLLib.propagation.painted_context import input_size
from PatchICLLib.training.augmentation import Augmentation, IntensityAugmentation, Window
from PatchICLLib.training.planes_across import draw_planes
from PatchICLLib.training.stacks import Stack, Unsuitable, cut_stack
from PatchICLLib.training.synthetic import Tissues
from PatchICLLib.training.task_batch import Runs, TaskBatch
from PatchICLLib.training.volumes import LabelledVolume

_PARCELS = 0.25  # of structures that are not pseudo-labels are cut into parts without an edge
_NOTHING = 0.0, 0.0, 0.0
_TRACE = 0.1  # of a structure's largest slice
_TURNED = 0.1  # radians, deviation of subjects who lie alike

Draw = Callable[[np.random.Generator], LabelledVolume]


@dataclass(frozen=True)
class TaskShape:
    """How many slices, and how large; the same for all tasks of a batch.

    Attributes:
        context, targets: painted slices and slices to predict.
        size: pixels a side.
        fitted: share of the draws within volumes that are refused if the product would show them at another size.
        hints: whether hints are computed; models that do not read them learn from more tasks in the same time.
        holding: all target slices hold the structure, and more than a trace of it (paper, section 4.1).
    """

    context: int
    targets: int
    size: int
    fitted: float = 0.0
    hints: bool = True
    holding: bool = False


@dataclass(frozen=True)
class HintDropout:
    """How often a task must do without: everything (pure in-context), or one of the hints."""

    everything: float = 0.15
    shape: float = 0.1
    vote: float = 0.1
    neighbours: float = 0.1

    def __call__(self, rng: np.random.Generator) -> tuple[float, float, float]:
        """1 for what is given, else 0: shape, vote and neighbours."""
        if rng.random() < self.everything:
            return 0.0, 0.0, 0.0
        shape, vote, neighbours = (float(rng.random() >= p) for p in (self.shape, self.vote, self.neighbours))
        return shape, vote, neighbours


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
class Alike:
    """What images of several subjects in a task have in common.

    Attributes:
        angle: that regions are turned by, in radians, about.
        mirror: whether regions are mirrored.
        tissues: of made-up images; None for each its own.
    """

    angle: float
    mirror: bool
    tissues: Tissues | None


class StackTasks:
    """Tasks made from stacks of slices.

    Args:
        augment: change intensities, turn, mirror and stretch the region.
        dropout: how often hints are missing; None for never.
        planes: how often planes of other axes are painted, too.
    """

    def __init__(self, augment: bool = True, dropout: HintDropout | None = None, planes: float = 0.0) -> None:
        self.planes = planes
        self.augmentation: Augmentation | None = IntensityAugmentation() if augment else None
        self.dropout = dropout or HintDropout(0.0, 0.0, 0.0, 0.0)

    def render(self, stack: Stack, rng: np.random.Generator, shape: TaskShape) -> TaskBatch:
        """The stack as the network gets it, and what its hints are computed from.

        Raises:
            Unsuitable: draw again.
        """
        return self._rendered(stack, rng, shape)[0]

    def _rendered(
        self, stack: Stack, rng: np.random.Generator, shape: TaskShape, alike: Alike | None = None
    ) -> tuple[TaskBatch, float]:
        """The same, with the distance of its slices in units of the field of view."""
        painted, depth = stack.painted, len(stack.mask)
        free = np.setdiff1d(np.flatnonzero(_held(stack)) if shape.holding else np.arange(depth), painted)
        if len(free) < shape.targets:
            raise Unsuitable
        targets = np.sort(rng.choice(free, shape.targets, replace=False))
        region = self._region(stack, rng, alike)
        if shape.fitted and input_size(region) != shape.size and rng.random() < shape.fitted:
            raise Unsuitable
        outside = "zeros" if rng.random() < 0.5 else "border"
        given = self.dropout(rng)  # drawn in any case: a task is the same but for its hints
        given = given if shape.hints else _NOTHING
        # vote and motion need every slice of the stack, the network only the chosen ones
        chosen = np.r_[painted, targets]
        whole = stack.mask.shape
        touched = [region.reach(size, whole[1:]) for size in {shape.size, VOTE_SIZE}]
        rows, columns = (slice(min(t[a].start for t in touched), max(t[a].stop for t in touched)) for a in (0, 1))
        stack = stack.cropped(rows, columns)
        region = replace(region, centre=(region.centre[0] - rows.start, region.centre[1] - columns.start))
        masks = region.sample(stack.mask[chosen], shape.size)
        if masks[: len(painted)].amax() < 0.5:
            raise Unsuitable
        image = stack.picture(rng, None if alike is None else alike.tissues)
        if self.augmentation is not None:
            image = self.augmentation(image, rng, Window(whole, (0, rows.start, columns.start)))
        seen = region.sample(image, VOTE_SIZE, outside) if any(given) else None
        if seen is not None and shape.size == VOTE_SIZE:
            images = seen[array_tensor(chosen, np.int64)]
        else:
            images = region.sample(image[chosen], shape.size, outside)
        normalisation = Normalisation.around(images[: len(painted)], masks[: len(painted)])
        step = stack.spacing[0] / region.side
        runs = None
        if seen is not None:
            seeds = masks[: len(painted)]
            if shape.size != VOTE_SIZE:
                seeds = region.sample(stack.mask[painted], VOTE_SIZE)
            planes = None
            if self.planes and given[1] and rng.random() < self.planes:
                pixel = region.side / VOTE_SIZE
                thickness = [max(1, round(voxel / pixel)) for voxel in stack.spacing[1:]]
                inside = region.sample(stack.mask, VOTE_SIZE).numpy() >= 0.5
                planes = draw_planes(inside, (thickness[0], thickness[1]), step, painted, targets, rng)
            runs = Runs.of(normalisation.unit(seen), seeds, step, painted, targets, planes)
        positions = array_tensor((chosen - painted.mean()) * step)
        return TaskBatch.of(shape.context, normalisation.standard(images), masks, positions, given, runs), step

    def _region(self, stack: Stack, rng: np.random.Generator, alike: Alike | None) -> Region:
        extent = stack.mask[stack.painted].any(0)
        region = Region.around(extent, stack.spacing[1:])
        if self.augmentation is None:
            return region
        region = region.grown(rng.uniform(0.95, 1.3))
        shift = rng.uniform(-0.06, 0.06, 2) * region.side / np.asarray(stack.spacing[1:])
        angle = rng.uniform(-0.35, 0.35) if rng.random() < 0.6 else 0.0
        angle += np.pi / 2 * rng.integers(4) if rng.random() < 0.4 else 0.0
        mirror = bool(rng.random() < 0.5)
        if alike is not None:
            angle, mirror = alike.angle + rng.normal(0, _TURNED), alike.mirror
        return replace(
            region,
            centre=(region.centre[0] + shift[0], region.centre[1] + shift[1]),
            angle=float(angle),
            mirror=mirror,
            stretch=float(np.exp(rng.normal(0, 0.08))),
        )


class VolumeTasks(StackTasks):
    """Tasks within one volume: some slices painted, others predicted.

    Args:
        draw: gives a volume.
        augment: as for all stacks, and cut some structures into parcels.
        dropout, planes: see ``StackTasks``.
    """

    def __init__(
        self, draw: Draw, augment: bool = True, dropout: HintDropout | None = None, planes: float = 0.0
    ) -> None:
        super().__init__(augment, dropout, planes)
        self.draw = draw
        self.parcels = _PARCELS if augment else 0.0

    def __call__(self, rng: np.random.Generator, shape: TaskShape) -> TaskBatch:
        """One task (B = 1).

        Raises:
            Unsuitable: draw again.
        """
        stack = cut_stack(self.draw(rng), rng, shape.context, shape.targets, self.parcels)
        return self.render(stack, rng, shape)


def _held(stack: Stack) -> np.ndarray:
    """Which slices (Z,) hold more than a trace of the structure."""
    areas = stack.mask.sum((1, 2))
    return areas > _TRACE * areas.max()
