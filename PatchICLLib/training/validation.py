"""How a training goes, on tasks of the development split that it never learns from: figures and a picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from PatchICLLib.cascade.hint_channels import Hints
from PatchICLLib.outputs import save_picture
from PatchICLLib.training.batch_hints import batch_hints
from PatchICLLib.training.task_batch import TaskBatch
from PatchICLLib.training.tasks import TaskShape, VolumeTasks, draw_batch
from PatchICLLib.training.volumes import labelled_sources, pick


def hard_dice(logits: Tensor, target: Tensor) -> Tensor:
    """Dice per image of ``logits > 0`` against ``target >= 0.5``, (N, 1, S, S) -> (N,); 1 where both are empty."""
    p, y = logits > 0, target >= 0.5
    total = p.sum((1, 2, 3)) + y.sum((1, 2, 3))
    return torch.where(total > 0, 2 * (p & y).sum((1, 2, 3)) / total.clamp_min(1), 1.0)


@dataclass(frozen=True)
class ValidationSet:
    """A fixed batch of development tasks per source."""

    batches: dict[str, TaskBatch]

    @classmethod
    def draw(cls, data: Path, tasks: int = 6, shape: TaskShape | None = None, seed: int = 0) -> ValidationSet:
        """The same tasks for the same data folder, count and seed."""
        shape = shape or TaskShape(3, 4, 128)
        batches = {}
        for source, loaders in labelled_sources(data, development=True).items():
            rng = np.random.default_rng([seed, len(source)])
            kind = VolumeTasks(pick(loaders), augment=False)
            batch = draw_batch(kind, rng, shape, tasks, tries=200)
            if batch is not None:
                batches[source] = batch
        return cls(batches)

    @torch.no_grad()
    def measure(self, model: Any, device: torch.device | str = "cpu") -> dict[str, Any]:
        """Mean Dice with all hints, without any, and of the hints by themselves; per source and overall."""
        was_training = model.training
        model.eval()
        figures: dict[str, Any] = {}
        for source, on_disk in self.batches.items():
            batch = on_disk.to(device)
            all_hints = batch_hints(batch)
            context = model.encode_context(batch.context_images, batch.context_masks, batch.context_positions)
            scores = {}
            for name, hints in (("hints", all_hints), ("bare", None)):
                output = model(batch.target_images, context, hints, batch.target_positions)
                scores[name] = float(hard_dice(output.logits, batch.target_masks).mean())
            scores["shape"] = float(hard_dice(all_hints.shape[:, :1], batch.target_masks).mean())
            scores["vote"] = float(hard_dice(all_hints.vote[:, :1], batch.target_masks).mean())
            figures[source] = scores
        if figures:
            names = next(iter(figures.values()))
            figures["mean"] = {n: float(np.mean([f[n] for f in figures.values()])) for n in names}
        model.train(was_training)
        return figures

    @torch.no_grad()
    def picture(self, model: Any, path: Path, device: torch.device | str = "cpu") -> None:
        """A row a source: two context images, then targets with reference, prediction, and prediction without hints."""
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot as plt

        was_training = model.training
        model.eval()
        rows = list(self.batches.items())
        figure, axes = plt.subplots(len(rows), 6, figsize=(15, 2.6 * len(rows)), squeeze=False)
        for row, (source, on_disk) in zip(axes, rows, strict=True):
            batch = on_disk.to(device)
            context = model.encode_context(batch.context_images, batch.context_masks, batch.context_positions)
            full = model(batch.target_images, context, batch_hints(batch), batch.target_positions).logits.cpu()
            bare = model(
                batch.target_images, context, Hints.none(batch.target_images), batch.target_positions
            ).logits.cpu()
            targets, truth = batch.target_images.cpu(), batch.target_masks.cpu()
            for panel in row:
                panel.axis("off")
            row[0].set_title(source, fontsize=8)
            for i in range(min(2, batch.context_images.shape[1])):
                row[i].imshow(batch.context_images[0, i].cpu().numpy(), cmap="gray")
                _outline(row[i], batch.context_masks[0, i].cpu() - 0.5, "orange")
            for j, panel in enumerate(row[2 : 2 + len(full)]):
                panel.imshow(targets[j, 0].numpy(), cmap="gray")
                _outline(panel, truth[j, 0] - 0.5, "lime")
                _outline(panel, full[j, 0], "red")
                _outline(panel, bare[j, 0], "deepskyblue", "dotted")
        figure.tight_layout()
        save_picture(figure, path, dpi=70)
        plt.close(figure)
        model.train(was_training)


def _outline(panel: Any, field: Tensor, colour: str, style: str = "solid") -> None:
    if field.min() < 0 < field.max():
        panel.contour(field.numpy(), [0.0], colors=colour, linewidths=1, linestyles=style)
