"""The hints of a batch of tasks, computed where its tensors are."""

from __future__ import annotations

from dataclasses import fields, replace

import torch

from PatchICLLib.cascade.hint_channels import Hints
from PatchICLLib.hints.likelihood import Likelihood
from PatchICLLib.hints.painted_stack import PaintedStack, guides_on_slices
from PatchICLLib.training.task_batch import TaskBatch


@torch.no_grad()
def batch_hints(batch: TaskBatch) -> Hints:
    """Hints of the B*T targets; those that a task may not use are 0 and not given."""
    targets = batch.target_images
    each = batch.given.repeat_interleave(len(targets) // len(batch.given), 0)
    hints = Hints.none(targets)
    if batch.runs is not None:
        hints = _of_runs(batch, hints)
    return replace(hints, shape_given=each[:, 0], vote_given=each[:, 1], neighbours_given=each[:, 2]).masked()


def _of_runs(batch: TaskBatch, hints: Hints) -> Hints:
    runs = batch.runs
    assert runs is not None
    count = batch.images.shape[1] - batch.context
    seen, seeds = runs.intensities(), runs.painted_masks()
    images, masks = batch.context_images, batch.context_masks
    for g, task in enumerate(runs.tasks):
        own = seen[runs.first[g] :][: runs.depth[g]]
        painted, targets, step = runs.painted[g], runs.targets[g], float(runs.step[g])
        learned = Likelihood.learned(own[painted], seeds[g])
        guides = guides_on_slices(own, seeds[g], painted, step, targets, learned)
        made = PaintedStack(images[task], masks[task], painted * step).hints(targets * step, guides)
        for field in fields(Hints):
            getattr(hints, field.name)[task * count : (task + 1) * count] = getattr(made, field.name)
    return hints
