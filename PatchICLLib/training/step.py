"""What is computed in a step of a training: the loss of a part of a batch, and what is told of it."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from PatchICLLib.cascade.hint_channels import Hints
from PatchICLLib.cascade.trace import LevelTrace
from PatchICLLib.training.loss import cascade_loss, recital_loss
from PatchICLLib.training.task_batch import TaskBatch
from PatchICLLib.training.validation import hard_dice

FIGURES = ("loss", "dice_hints", "dice_bare", "gradient")  # of a part of a step


class Step(nn.Module):
    """Context, targets and loss in one call, which is what DistributedDataParallel can wrap."""

    def __init__(self, model: Any, device: torch.device, half_precision: bool) -> None:
        super().__init__()
        self.model, self.device, self.half_precision = model, device, half_precision

    def forward(
        self, batch: TaskBatch, hints: Hints, noise: torch.Generator, recite: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss of eq. 6, with that of a recital, and logits (B*T, 1, S, S) without a gradient."""
        asked = {"recite": True} if recite else {}  # the preset `paper` alone can
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half_precision):
            context = self.model.encode_context(
                batch.context_images, batch.context_masks, batch.context_positions, noise, subject=batch.subject
            )
            output = self.model(batch.target_images, context, hints, batch.target_positions, noise, **asked)
        output = replace(output, levels=tuple(_single(v) for v in output.levels))
        loss = cascade_loss(output, batch.target_masks)
        if recite:
            loss = loss + recital_loss(output, batch.context_masks)
        return loss, output.logits.detach()


def _single(level: LevelTrace) -> LevelTrace:
    """In single precision, what losses read."""
    recited = None if level.recited is None else level.recited.float()
    return replace(level, after=level.after.float(), recited=recited)


def part_figures(batch: TaskBatch, logits: torch.Tensor, loss: torch.Tensor) -> torch.Tensor:
    """Loss, and Dice of images that hold the structure, with and without hints; nan where there are none."""
    truth = batch.target_masks
    dice, holds = hard_dice(logits, truth), (truth >= 0.5).flatten(1).any(1)
    bare = (batch.given.sum(1) == 0).repeat_interleave(len(dice) // len(batch.given))
    means = [torch.where(chosen, dice, 0).sum() / chosen.sum() for chosen in (holds & ~bare, holds & bare)]
    return torch.stack([loss, *means])


def mean_figures(rows: list[list[float]]) -> dict[str, float]:
    """Mean of each of FIGURES over the parts of some steps, where there is one."""
    columns = dict(zip(FIGURES, np.array(rows).T, strict=True))
    for name in ("dice_hints", "dice_bare"):
        columns[name] = columns[name][~np.isnan(columns[name])]
    return {name: round(float(values.mean()), 4) for name, values in columns.items() if len(values)}
