"""The training loop: AdamW, warm-up, averaged weights, checkpoints that resume bit for bit, a log."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from PatchICLLib.errors import InputError
from PatchICLLib.presets import build
from PatchICLLib.training.average import WeightAverage
from PatchICLLib.training.checkpoint import Checkpoint
from PatchICLLib.training.loss import cascade_loss
from PatchICLLib.training.mixture import BatchStream, Tasks
from PatchICLLib.training.recipe import Recipe
from PatchICLLib.training.tasks import TaskBatch
from PatchICLLib.training.validation import ValidationSet, hard_dice
from PatchICLLib.weights import Pretrained

CHECKPOINT, LOG, PICTURES = "checkpoint.pt", "log.jsonl", "pictures"


@dataclass(frozen=True)
class TrainerOptions:
    """What does not change the result.

    Attributes:
        output: folder of checkpoint, log and pictures.
        device: torch device.
        workers: processes that make batches; 0 for none.
        max_minutes: stop, with a checkpoint, after so long; None for never.
        log_every, validate_every: in steps.
        keep_every: keep a numbered copy of the checkpoint every so many steps; 0 for never.
    """

    output: Path
    device: str = "cpu"
    workers: int = 1
    max_minutes: float | None = None
    log_every: int = 25
    validate_every: int = 250
    keep_every: int = 0


class Trainer:
    """Trains a model by a recipe.

    Args:
        recipe: what to do.
        mixture: kinds of tasks with weights.
        options: where and how.
        validation: development tasks, or None.
        announce: receives each entry of the log.
        proceed: asked after every step, with its number; False stops the run with a checkpoint.
    """

    def __init__(
        self,
        recipe: Recipe,
        mixture: list[tuple[Tasks, float]],
        options: TrainerOptions,
        validation: ValidationSet | None = None,
        announce: Callable[[dict[str, Any]], None] = lambda entry: None,
        proceed: Callable[[int], bool] = lambda step: True,
    ) -> None:
        self.recipe, self.mixture, self.options = recipe, mixture, options
        self.validation, self.announce, self.proceed = validation, announce, proceed
        torch.manual_seed(recipe.seed)
        self.device = torch.device(options.device)
        self.model: Any = build(recipe.model).to(self.device)
        matrices = [p for p in self.model.parameters() if p.ndim > 1]
        vectors = [p for p in self.model.parameters() if p.ndim <= 1]
        self.optimiser = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
            lr=recipe.learning_rate,
            betas=(0.9, 0.98),
        )
        self.average = WeightAverage(self.model, recipe.ema)
        self.noise = torch.Generator(self.device).manual_seed(recipe.seed)
        self.step = 0

    # ---- state ---------------------------------------------------------------------------------------------------

    def checkpoint(self) -> Checkpoint:
        """The state of now."""
        return Checkpoint(
            self.step,
            self.model.state_dict(),
            self.average.weights,
            self.optimiser.state_dict(),
            self.noise.get_state(),
            self.recipe.describe(),
        )

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint."""
        self.step = checkpoint.step
        self.model.load_state_dict(checkpoint.model)
        self.average.weights = {k: v.to(self.device) for k, v in checkpoint.average.items()}
        self.optimiser.load_state_dict(checkpoint.optimiser)
        if checkpoint.noise.shape == self.noise.get_state().shape:
            self.noise.set_state(checkpoint.noise)
        else:  # saved on another kind of device, whose generator cannot go on here
            self.noise.manual_seed(self.recipe.seed + self.step)

    def begin_with(self, weights: Pretrained) -> None:
        """Start from weights trained before, with a fresh optimiser and average.

        Raises:
            InputError: they are of another configuration.
        """
        if weights.model.configuration != self.recipe.model:
            raise InputError(f"The weights {weights.name} have another configuration than the recipe's model.")
        self.model.load_state_dict(weights.model.state_dict())
        self.average = WeightAverage(self.model, self.recipe.ema)

    def averaged_model(self) -> nn.Module:
        """A copy with the averaged weights, in evaluation mode."""
        model = build(self.recipe.model).to(self.device)
        model.load_state_dict(self.average.weights)
        return model.eval()

    # ---- loop ----------------------------------------------------------------------------------------------------

    def train(self) -> bool:
        """Run until the recipe's last step, until time is up, or until told to stop.

        Returns:
            True if the run is complete.
        """
        # denormal numbers make convolutions on the CPU ten times slower; nobody else should compute without them
        torch.set_flush_denormal(True)
        try:
            return self._train()
        finally:
            torch.set_flush_denormal(False)

    def _train(self) -> bool:
        began = time.monotonic()
        stream = BatchStream(self.mixture, self.recipe.plan, self.recipe.seed, self.recipe.steps)
        loader = DataLoader(
            stream,
            batch_size=None,
            sampler=range(self.step, self.recipe.steps),
            num_workers=self.options.workers,
            prefetch_factor=4 if self.options.workers else None,
            worker_init_fn=_start_worker,
        )
        window: list[dict[str, float]] = []
        since = time.monotonic()
        for batch in loader:
            window.append(self._update(batch.to(self.device)))
            if self.step % self.options.log_every == 0:
                seconds = (time.monotonic() - since) / len(window)
                self._log({"step": self.step, "seconds_per_step": round(seconds, 3), **_mean(window)})
                window, since = [], time.monotonic()
                self.checkpoint().save(self.options.output / CHECKPOINT)
            if self.options.keep_every and self.step % self.options.keep_every == 0:
                self.checkpoint().save(self.options.output / f"checkpoint-{self.step:06d}.pt")
            if self.validation is not None and self.step % self.options.validate_every == 0:
                self._validate()
            out_of_time = (
                self.options.max_minutes is not None and time.monotonic() - began > 60 * self.options.max_minutes
            )
            if not self.proceed(self.step) or out_of_time:
                break
        self.checkpoint().save(self.options.output / CHECKPOINT)
        return self.step >= self.recipe.steps

    def _update(self, batch: TaskBatch) -> dict[str, float]:
        self.model.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.rate(self.step)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            context = self.model.encode_context(
                batch.context_images, batch.context_masks, batch.context_positions, self.noise
            )
            output = self.model(batch.target_images, context, batch.hints, batch.target_positions, self.noise)
        output = replace(output, levels=tuple(replace(v, after=v.after.float()) for v in output.levels))
        loss = cascade_loss(output, batch.target_masks)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        if torch.isfinite(norm):
            self.optimiser.step()
        self.step += 1
        self.average.update(self.model, self.step)
        return self._figures(batch, output.logits.detach(), float(loss.detach()), float(norm))

    @staticmethod
    def _figures(batch: TaskBatch, logits: torch.Tensor, loss: float, norm: float) -> dict[str, float]:
        """Loss, gradient norm, and Dice of images that hold the structure, with and without hints."""
        dice = hard_dice(logits, batch.target_masks)
        holds = (batch.target_masks >= 0.5).flatten(1).any(1)
        bare = batch.hints.flags().sum(1) == 0
        figures = {"loss": loss, "gradient": norm}
        for name, chosen in (("dice_hints", holds & ~bare), ("dice_bare", holds & bare)):
            if chosen.any():
                figures[name] = float(dice[chosen].mean())
        return figures

    def _validate(self) -> None:
        assert self.validation is not None
        model = self.averaged_model()
        self._log({"step": self.step, "validation": self.validation.measure(model, self.device)})
        pictures = self.options.output / PICTURES
        pictures.mkdir(parents=True, exist_ok=True)
        self.validation.picture(model, pictures / f"step-{self.step:06d}.png", self.device)

    def _log(self, entry: dict[str, Any]) -> None:
        entry["rate"] = self.recipe.rate(self.step)
        self.options.output.mkdir(parents=True, exist_ok=True)
        with (self.options.output / LOG).open("a") as stream:
            stream.write(json.dumps(entry) + "\n")
        self.announce(entry)


def _start_worker(_: int) -> None:
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the loop itself ends in order


def _mean(window: list[dict[str, float]]) -> dict[str, float]:
    names = sorted({name for figures in window for name in figures})
    return {name: round(float(np.mean([f[name] for f in window if name in f])), 4) for name in names}
