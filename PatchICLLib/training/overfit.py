"""Proof that a model learns: it is trained on a few tasks until it knows them by heart."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from PatchICLLib.errors import InputError
from PatchICLLib.presets import Configuration, build
from PatchICLLib.training.loss import cascade_loss
from PatchICLLib.training.stacks import Unsuitable
from PatchICLLib.training.synthetic import random_anatomy
from PatchICLLib.training.task_batch import TaskBatch
from PatchICLLib.training.tasks import TaskShape, VolumeTasks
from PatchICLLib.training.validation import hard_dice


@dataclass(frozen=True)
class OverfitOptions:
    """Attributes:
    tasks: how many; each is another structure of another made-up volume.
    shape: context and target images of each task, and their side in pixels.
    goal: mean Dice on the target images at which to stop.
    steps: give up after so many, each one task.
    learning_rate: of Adam, after a rise over 20 steps.
    check_every: steps between measurements.
    seed: of tasks, weights and selection noise.
    """

    tasks: int = 3
    shape: TaskShape = TaskShape(context=2, targets=1, size=64)
    goal: float = 0.95
    steps: int = 600
    learning_rate: float = 5e-4
    check_every: int = 10
    seed: int = 1


@dataclass(frozen=True)
class OverfitReport:
    """Attributes:
    dice: of each task's target images, at the last measurement.
    steps, seconds: until then.
    curve: step and mean Dice of every measurement.
    """

    dice: tuple[tuple[float, ...], ...]
    steps: int
    seconds: float
    curve: tuple[tuple[int, float], ...]

    @property
    def mean(self) -> float:
        return float(np.mean(self.dice))

    @property
    def worst(self) -> float:
        return float(np.min(self.dice))

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "mean": self.mean, "worst": self.worst}


def overfit(
    configuration: Configuration,
    options: OverfitOptions | None = None,
    device: torch.device | str = "cpu",
    announce: Callable[[int, float, float], None] = lambda step, loss, dice: None,
) -> OverfitReport:
    """Trains a fresh model on a few synthetic tasks, without any hints, by eq. 5 and 6 of the paper.

    Args:
        configuration: of any preset.
        options: what to learn and for how long.
        device: torch device.
        announce: called at each measurement with step, loss and mean Dice.

    Returns:
        What was reached, measured in evaluation mode: the best patches are taken, nothing is dropped.
    """
    o = options or OverfitOptions()
    began = time.monotonic()
    batches = [task.to(device) for task in synthetic_tasks(o.tasks, o.shape, o.seed)]
    torch.manual_seed(o.seed)
    model: Any = build(configuration).to(device).train()
    noise = torch.Generator(device).manual_seed(o.seed)
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=o.learning_rate)
    rise = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min(1.0, (step + 1) / 20))
    curve: list[tuple[int, float]] = []
    dice: list[tuple[float, ...]] = []
    for step in range(1, o.steps + 1):
        batch = batches[step % len(batches)]
        context = model.encode_context(batch.context_images, batch.context_masks, batch.context_positions, noise)
        output = model(batch.target_images, context, None, batch.target_positions, noise)
        loss = cascade_loss(output, batch.target_masks)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        rise.step()
        if step % o.check_every and step < o.steps:
            continue
        dice = [_measure(model, batch) for batch in batches]
        curve.append((step, float(np.mean(dice))))
        announce(step, float(loss.detach()), curve[-1][1])
        if curve[-1][1] > o.goal:
            break
    return OverfitReport(tuple(dice), curve[-1][0], time.monotonic() - began, tuple(curve))


def synthetic_tasks(count: int, shape: TaskShape, seed: int) -> list[TaskBatch]:
    """Tasks of made-up anatomy and contrast, each holding its structure in all of its images.

    Raises:
        InputError: no such tasks can be drawn.
    """
    rng = np.random.default_rng(seed)
    draw = VolumeTasks(random_anatomy, augment=False)
    shape = replace(shape, hints=False)
    tasks: list[TaskBatch] = []
    for _ in range(100 * count):
        if len(tasks) == count:
            return tasks
        try:
            task = draw(rng, shape)
        except Unsuitable:
            continue
        masks = torch.cat((task.context_masks.flatten(0, 1)[:, None], task.target_masks))
        if (masks >= 0.5).flatten(1).float().mean(1).amin() > 0.03:
            tasks.append(task)
    raise InputError(
        f"No {count} tasks with {shape.context} context and {shape.targets} target images could be made; ask for fewer."
    )


@torch.no_grad()
def _measure(model: Any, batch: TaskBatch) -> tuple[float, ...]:
    model.eval()
    context = model.encode_context(batch.context_images, batch.context_masks, batch.context_positions)
    logits = model(batch.target_images, context, None, batch.target_positions).logits
    model.train()
    return tuple(hard_dice(logits, batch.target_masks).tolist())
