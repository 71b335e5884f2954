"""Tasks as they travel from the processes that draw them to the device that learns from them: compact and ragged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from PatchICLLib.runtime.transfers import to_device
from PatchICLLib.training.planes_across import PlanesAcross

_UNIT = 16384  # of the whole numbers that stand for an intensity of 1: far finer than a bin of the likelihood
_FULL = 255  # stands for a mask of 1


@dataclass(frozen=True)
class Runs:
    """What hints are computed from: all slices of G tasks, one after another.

    Attributes:
        tasks: (G,) their numbers in the batch, ascending.
        images: (R, v, v) int16, see ``intensities``; R is the sum of the depths.
        masks: (G, k, v, v) uint8, painted masks; 0 where there is none.
        depth: (G,) numbers of slices.
        step: (G,) float64 distances of neighbouring slices in units of the field of view.
        painted: (G, k) ascending places within each task's slices; -1 behind them where a task has fewer than k.
        targets: (G, T) ascending places within each task's slices.
        known: (R, v, v) uint8 of pixels that planes across show, see ``PaintedRuns``; None if there are none.
        beyond: (G, T) as far as targets lie beyond what planes across show, see ``SeenAcross``; infinite without any.
    """

    tasks: np.ndarray
    images: Tensor
    masks: Tensor
    depth: np.ndarray
    step: np.ndarray
    painted: np.ndarray
    targets: np.ndarray
    known: Tensor | None
    beyond: np.ndarray

    @classmethod
    def of(
        cls,
        images: Tensor,
        masks: Tensor,
        step: float,
        painted: np.ndarray,
        targets: np.ndarray,
        planes: PlanesAcross | None = None,
    ) -> Runs:
        """Of one task.

        Args:
            images: (Z, v, v) intensities as ``Normalisation.unit`` gives them.
            masks: (k, v, v), 0 to 1.
            step: distance of neighbouring slices in units of the field of view.
            painted, targets: (k,) and (T,) ascending places.
            planes: painted across the slices, if any.
        """
        whole = (images * _UNIT).round().clamp(-32768, 32767).to(torch.int16)
        numbers = np.zeros(1, int), np.array([len(images)]), np.array([step])
        drawn = compact_masks(masks)[None]
        known, beyond = (None, np.full(len(targets), np.inf)) if planes is None else (planes.known, planes.beyond)
        return cls(numbers[0], whole, drawn, *numbers[1:], painted[None], targets[None], known, beyond[None])

    @property
    def first(self) -> np.ndarray:
        """(G,) row of each task's first slice."""
        return np.cumsum(self.depth) - self.depth

    def intensities(self) -> Tensor:
        """(R, v, v) float32, about 0 to 1."""
        return self.images.float() / _UNIT

    def painted_masks(self) -> Tensor:
        """(G, k, v, v) float32, 0 to 1."""
        return self.masks.float() / _FULL

    def changed(self, change: Callable[[Tensor], Tensor]) -> Runs:
        """With its tensors changed."""
        known = None if self.known is None else change(self.known)
        return replace(self, images=change(self.images), masks=change(self.masks), known=known)

    @classmethod
    def collate(cls, several: list[Runs], first: list[int]) -> Runs:
        """Join runs; ``first`` is the number of each one's first task in the joined batch."""
        tasks = np.concatenate([runs.tasks + number for runs, number in zip(several, first, strict=True)])
        most = max(runs.painted.shape[1] for runs in several)
        missing = [most - runs.painted.shape[1] for runs in several]
        images = torch.cat([runs.images for runs in several])
        masks = torch.cat([F.pad(runs.masks, (0, 0) * 2 + (0, n)) for runs, n in zip(several, missing, strict=True)])
        padded = [
            np.pad(runs.painted, ((0, 0), (0, n)), constant_values=-1) for runs, n in zip(several, missing, strict=True)
        ]
        depth, step, targets, beyond = (
            np.concatenate([getattr(runs, name) for runs in several]) for name in ("depth", "step", "targets", "beyond")
        )
        known = None
        if any(runs.known is not None for runs in several):
            nothing = (torch.zeros_like(runs.images, dtype=torch.uint8) for runs in several)
            known = torch.cat([x if r.known is None else r.known for r, x in zip(several, nothing, strict=True)])
        return cls(tasks, images, masks, depth, step, np.concatenate(padded), targets, known, beyond)


@dataclass(frozen=True)
class TaskBatch:
    """B tasks of k context and T target images of S pixels a side.

    Attributes:
        context: k.
        images: (B, k+T, S, S) standardised intensities in half precision, context first.
        masks: (B, k+T, S, S) uint8.
        positions: (B, k+T) along the slicing axis in units of the field of view.
        given: (B, 3) 1 for hints that the task may use: shape, vote, neighbours; else 0.
        runs: of the tasks that may use any; None if there are none.
        subject: (B, k) uint8 whose scan a context image is of: 0 for the targets', else another's; None if all are 0.
    """

    context: int
    images: Tensor
    masks: Tensor
    positions: Tensor
    given: Tensor
    runs: Runs | None
    subject: Tensor | None = None

    @classmethod
    def of(
        cls,
        context: int,
        images: Tensor,
        masks: Tensor,
        positions: Tensor,
        given: tuple[float, float, float] = (0.0, 0.0, 0.0),
        runs: Runs | None = None,
    ) -> TaskBatch:
        """Of one task: images and masks (k+T, S, S) float32, masks 0 to 1; positions (k+T,)."""
        return cls(
            context, images.half()[None], compact_masks(masks)[None], positions[None], torch.tensor([given]), runs
        )

    @property
    def context_images(self) -> Tensor:
        """(B, k, S, S) float32."""
        return self.images[:, : self.context].float()

    @property
    def context_masks(self) -> Tensor:
        """(B, k, S, S) float32, 0 to 1."""
        return self.masks[:, : self.context].float() / _FULL

    @property
    def context_positions(self) -> Tensor:
        """(B, k)."""
        return self.positions[:, : self.context]

    @property
    def target_images(self) -> Tensor:
        """(B*T, 1, S, S) float32."""
        return self.images[:, self.context :].flatten(0, 1)[:, None].float()

    @property
    def target_masks(self) -> Tensor:
        """(B*T, 1, S, S) float32, 0 to 1."""
        return self.masks[:, self.context :].flatten(0, 1)[:, None].float() / _FULL

    @property
    def target_positions(self) -> Tensor:
        """(B*T,)."""
        return self.positions[:, self.context :].flatten()

    @classmethod
    def collate(cls, tasks: list[TaskBatch]) -> TaskBatch:
        """Join batches of equal shapes; their runs may be of any length, or missing."""
        names = ("images", "masks", "positions", "given")
        images, masks, positions, given = (torch.cat([getattr(t, name) for t in tasks]) for name in names)
        runs, first, number = [], [], 0
        for task in tasks:
            if task.runs is not None:
                runs.append(task.runs)
                first.append(number)
            number += len(task.images)
        joined = Runs.collate(runs, first) if runs else None
        subject = None
        if any(task.subject is not None for task in tasks):
            own = (torch.zeros(len(t.images), t.context, dtype=torch.uint8) for t in tasks)
            subject = torch.cat([x if t.subject is None else t.subject for t, x in zip(tasks, own, strict=True)])
        return cls(tasks[0].context, images, masks, positions, given, joined, subject)

    def to(self, device: torch.device | str) -> TaskBatch:
        """On a device; from pinned memory without waiting until it is there."""
        return self._changed(lambda tensor: to_device(tensor, torch.device(device)))

    def pin_memory(self) -> TaskBatch:
        """In page-locked memory; DataLoader calls it."""
        return self._changed(Tensor.pin_memory)

    def _changed(self, change: Callable[[Tensor], Tensor]) -> TaskBatch:
        return TaskBatch(
            self.context,
            change(self.images),
            change(self.masks),
            change(self.positions),
            change(self.given),
            None if self.runs is None else self.runs.changed(change),
            None if self.subject is None else change(self.subject),
        )


def compact_masks(masks: Tensor) -> Tensor:
    """Masks from 0 to 1 as uint8; what is at least 0.5 stays so, what is below stays below."""
    return (masks * _FULL).round().clamp(0, _FULL).to(torch.uint8)
