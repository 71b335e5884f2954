"""The hints of a batch of tasks, computed where its tensors are."""

from dataclasses import fields, replace

import numpy as np
import torch
import torch.nn.functional as F

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.cascade.hint_channels import Hints
from PatchICLLib.hints.likelihood import Likelihoods
from PatchICLLib.hints.painted_runs import PaintedRuns, guides_on_runs
from PatchICLLib.hints.painted_stacks import PaintedStacks
from PatchICLLib.hints.seen_across import SeenAcross
from PatchICLLib.propagation.geometry.known_voxels import OUTSIDE
from PatchICLLib.runtime.transfers import to_device
from PatchICLLib.training.task_batch import Runs, TaskBatch


@torch.no_grad()
def batch_hints(batch: TaskBatch) -> Hints:
    """Hints of the B*T targets; those that a task may not use are 0 and not given."""
    targets = batch.target_images
    each = batch.given.repeat_interleave(len(targets) // len(batch.given), 0)
    hints = Hints.none(targets)
    if batch.runs is not None:
        hints = _of_runs(batch, batch.runs, hints)
    return replace(hints, shape_given=each[:, 0], vote_given=each[:, 1], neighbours_given=each[:, 2]).masked()


def _of_runs(batch: TaskBatch, runs: Runs, hints: Hints) -> Hints:
    """The same with those of the tasks that have runs."""
    device, (tasks, targets) = batch.images.device, runs.targets.shape
    there, k = runs.painted >= 0, runs.painted.shape[1]
    painted = runs.first[:, None] + runs.painted.clip(0)
    seen, masks = runs.intensities(), runs.painted_masks()
    shown = seen[to_device(array_tensor(painted.ravel(), np.int64), device)].view(masks.shape)
    drawn, counts = masks.flatten(0, 1), there.sum(1)
    if not there.all():
        drawn = drawn[to_device(array_tensor(np.flatnonzero(there), np.int64), device)]
    guides = guides_on_runs(
        PaintedRuns(
            seen,
            runs.depth,
            runs.step,
            drawn,
            painted[there],
            (runs.first[:, None] + runs.targets).ravel(),
            Likelihoods.learned(shown, masks, None if there.all() else counts),
            runs.known,
        )
    )
    own = to_device(array_tensor(runs.tasks, np.int64), device)
    places = runs.painted.clip(0) * runs.step[:, None]
    stacks = PaintedStacks(batch.context_images[own, :k], batch.context_masks[own, :k], places, counts)
    goals = (runs.targets * runs.step[:, None]).ravel()
    across = _seen_across(runs, (runs.first[:, None] + runs.targets).ravel(), batch.images.shape[-1])
    made = stacks.hints(np.repeat(np.arange(tasks), targets), goals, guides, across)
    rows = (runs.tasks[:, None] * targets + np.arange(targets)).ravel()
    where = to_device(array_tensor(rows, np.int64), device)
    return Hints(*(getattr(hints, f.name).index_copy(0, where, getattr(made, f.name)) for f in fields(Hints)))


def _seen_across(runs: Runs, rows: np.ndarray, size: int) -> SeenAcross | None:
    """What planes across show of the targets, whose rows among the slices these are, in pixels of the input."""
    if runs.known is None:
        return None
    device, beyond = runs.known.device, runs.beyond.ravel()
    empty = runs.known[to_device(array_tensor(rows, np.int64), device)] == OUTSIDE
    empty &= to_device(array_tensor(beyond > 0, np.bool_), device)[:, None, None]
    if empty.shape[-1] != size:
        empty = F.interpolate(empty[:, None].float(), (size, size))[:, 0] > 0
    return SeenAcross(beyond, empty)
