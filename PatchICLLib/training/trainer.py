"""The training loop: AdamW, warm-up, averaged weights, checkpoints that resume bit for bit, a log.

Several processes (``torchrun``) train one model by torch's DistributedDataParallel; each takes its parts of a batch.
"""

import gc
import signal
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from PatchICLLib.cascade.paper.centred_start import centre
from PatchICLLib.errors import InputError
from PatchICLLib.presets import build
from PatchICLLib.runtime.child_process import starting
from PatchICLLib.training.average import WeightAverage
from PatchICLLib.training.batch_hints import batch_hints
from PatchICLLib.training.checkpoint import Checkpoint
from PatchICLLib.training.mixture import BatchStream, Tasks
from PatchICLLib.training.parts import Division, PartStream, noise_of
from PatchICLLib.training.recipe import Recipe
from PatchICLLib.training.run_files import RunFiles
from PatchICLLib.training.step import Step, mean_figures, part_figures
from PatchICLLib.training.task_batch import TaskBatch
from PatchICLLib.training.trainer_options import TrainerOptions, check_precision
from PatchICLLib.training.validation import ValidationSet
from PatchICLLib.universeg.network import UniverSeg
from PatchICLLib.weights import Pretrained

_CENTRED_ON = 12  # tasks


class Trainer:
    """Trains a model by a recipe.

    Args:
        recipe: what to do.
        mixture: kinds of tasks with weights.
        options: where and how.
        validation: development tasks, or None.
        announce: receives each entry of the log.
        proceed: asked after every step, with its number; False, in any process, stops the run with a checkpoint.

    Raises:
        InputError: batches cannot be divided as the options say, or the precision is unknown.
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
        check_precision(options.precision)
        self.ranks = options.ranks
        self.division = Division(self.ranks.world, options.accumulate, self.ranks.rank)
        self.division.check(recipe.plan)
        torch.manual_seed(recipe.seed)
        self.device = torch.device(options.device)
        self.model: Any = build(recipe.model).to(self.device)
        matrices = [p for p in self.model.parameters() if p.ndim > 1]
        vectors = [p for p in self.model.parameters() if p.ndim <= 1]
        self.optimiser = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
            lr=recipe.learning_rate,
            betas=(0.9, 0.98),
            fused=True,
        )
        self.average = WeightAverage(self.model, recipe.ema)
        self.noise = torch.Generator(self.device).manual_seed(recipe.seed)
        self.step = 0
        self.files = RunFiles(options.output, options.anew)

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
        """Go on from a checkpoint.

        Raises:
            InputError: the model was another one when it was made.
        """
        if checkpoint.model.keys() != self.model.state_dict().keys():
            raise InputError(
                "The checkpoint was made by another version, whose model has other weights: finish the training with "
                "it, or start anew."
            )
        self.step = checkpoint.step
        self.model.load_state_dict(checkpoint.model)
        self.average.weights = {k: v.to(self.device) for k, v in checkpoint.average.items()}
        groups = [{**group, "fused": True} for group in checkpoint.optimiser["param_groups"]]
        self.optimiser.load_state_dict({**checkpoint.optimiser, "param_groups": groups})
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

    def begin_with_encoder(self, universeg: UniverSeg) -> None:
        """Start with the encoder of a trained UniverSeg, which the preset `paper` keeps as it is."""
        self.model.features.load(universeg)
        self.average = WeightAverage(self.model, self.recipe.ema)

    def begin_centred(self) -> None:
        """Start with weights that are centred on tasks of the mixture, see ``centred_start``."""
        plan = replace(self.recipe.plan, tasks=_CENTRED_ON, hints=False)
        batch = BatchStream(self.mixture, plan, self.recipe.seed, 1)[0].to(self.device)
        centre(self.model, batch.context_images, batch.context_masks, batch.target_images)
        self.average = WeightAverage(self.model, self.recipe.ema)

    def has_encoder(self, universeg: UniverSeg) -> bool:
        """Whether the model reads with this encoder, bit for bit."""
        theirs = universeg.state_dict()
        return all(
            torch.equal(own.cpu(), theirs[name]) for name, own in self.model.features.encoder.state_dict().items()
        )

    def averaged_model(self) -> nn.Module:
        """A copy with the averaged weights, in evaluation mode."""
        model = build(self.recipe.model).to(self.device)
        model.load_state_dict(self.average.weights)
        return model.eval()

    def train(self) -> bool:
        """Run until the recipe's last step, until time is up, or until told to stop.

        Returns:
            True if the run is complete.

        Raises:
            InputError: checkpoint or log cannot be written.
        """
        if self.ranks.leads:
            self.files.begin()
        # denormal numbers make convolutions on the CPU ten times slower; nobody else should compute without them
        torch.set_flush_denormal(True)
        try:
            return self._train()
        finally:
            torch.set_flush_denormal(False)

    def _train(self) -> bool:
        with self.ranks.joined(self.device):
            try:
                return self._loop()
            finally:
                # whatever talks to the other processes goes while they are there, not when the interpreter ends
                self.parallel: nn.Module = self.model
                gc.collect()

    def _loop(self) -> bool:
        began = time.monotonic()
        self.parallel = Step(self.model, self.device, self._half_precision())
        if self.ranks.together:
            places = [self.device] if self.device.type == "cuda" else None
            # a cascade that stops early, or a task without hints, leaves parameters without a gradient
            self.parallel = DistributedDataParallel(self.parallel, places, find_unused_parameters=True)
        loader = DataLoader(
            self._stream(),
            batch_size=None,
            sampler=range(self.step, self.recipe.steps),
            num_workers=self.options.workers,
            prefetch_factor=2 if self.options.workers else None,
            worker_init_fn=_start_worker,
            pin_memory=self.device.type == "cuda",
        )
        with starting():
            batches = iter(loader)
        self.model.train()
        window: list[torch.Tensor] = []
        since = time.monotonic()
        for chunks in batches:
            window += self._update([chunk.to(self.device) for chunk in chunks])
            if self.step % self.options.log_every == 0:
                rows = torch.stack(window).tolist()  # waits for the device, which nothing in a step does
                seconds = (time.monotonic() - since) * len(chunks) / len(window)
                figures = mean_figures(self.ranks.gathered(rows))
                self._log({"step": self.step, "seconds_per_step": round(seconds, 3), **figures})
                window, since = [], time.monotonic()
                self._save()
            if self.options.keep_every and self.step % self.options.keep_every == 0 and self.ranks.leads:
                self.files.keep(self.checkpoint())
            if self.validation is not None and self.step % self.options.validate_every == 0 and self.ranks.leads:
                self._validate()
            out_of_time = (
                self.options.max_minutes is not None and time.monotonic() - began > 60 * self.options.max_minutes
            )
            proceed = self.proceed(self.step)
            if self.ranks.any(not proceed or out_of_time, self.device):
                break
        self._save()
        self.ranks.wait()
        return self.step >= self.recipe.steps

    def _half_precision(self) -> bool:
        return self.options.precision == "bf16" or (self.options.precision == "auto" and self.device.type == "cuda")

    def _stream(self) -> PartStream:
        recipe = self.recipe
        return PartStream(BatchStream(self.mixture, recipe.plan, recipe.seed, recipe.steps), self.division)

    def _update(self, chunks: list[TaskBatch]) -> list[torch.Tensor]:
        """One step on this process's parts of a batch; FIGURES of each part, on the device."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.rate(self.step)
        self.optimiser.zero_grad(set_to_none=True)
        figures = []
        for number, chunk in zip(self.division.own, chunks, strict=True):
            noise = self.noise
            if self.division.parts > 1:
                noise = noise_of(self.recipe.seed, self.step, number, self.device)
            last = number == self.division.own[-1]
            # gradients of all processes are averaged with the last part only
            waiting = self.parallel.no_sync() if self.ranks.together and not last else nullcontext()  # type: ignore[operator]
            with waiting:
                loss, logits = self.parallel(chunk, batch_hints(chunk), noise, self.step < self.recipe.recital)
                (loss / len(chunks)).backward()
            figures.append(part_figures(chunk, logits, loss.detach()))
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        # a fused optimiser leaves the weights alone where this says so, and nobody need ask the device
        self.optimiser.found_inf = (~torch.isfinite(norm)).float()  # type: ignore[attr-defined]
        self.optimiser.step()
        self.step += 1
        self.average.update(self.model, self.step)
        return [torch.cat([part, norm[None]]) for part in figures]

    def _validate(self) -> None:
        assert self.validation is not None
        model = self.averaged_model()
        self._log({"step": self.step, "validation": self.validation.measure(model, self.device)})
        self.validation.picture(model, self.files.picture(self.step), self.device)

    def _save(self) -> None:
        if self.ranks.leads:
            self.files.save(self.checkpoint())

    def _log(self, entry: dict[str, Any]) -> None:
        if self.ranks.leads:
            entry["rate"] = self.recipe.rate(self.step)
            self.files.log(entry)
            self.announce(entry)


def _start_worker(_: int) -> None:
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the loop itself ends in order
