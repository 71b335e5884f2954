"""The painted slices of tasks seen through their regions of interest, and the hints they give about other slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.cascade.hint_channels import Hints
from PatchICLLib.hints.between_painted import BetweenPainted
from PatchICLLib.hints.motion import pixel_grid, warp
from PatchICLLib.hints.painted_runs import Guides
from PatchICLLib.hints.seen_across import SeenAcross
from PatchICLLib.hints.separable import both_ways, resizing
from PatchICLLib.hints.shape_prior import ShapePriors
from PatchICLLib.runtime.stopwatch import part
from PatchICLLib.runtime.transfers import to_device


@dataclass(frozen=True)
class PaintedStacks:
    """Painted slices of G tasks, in ascending order.

    Attributes:
        images: (G, k, S, S) standardised intensities.
        masks: (G, k, S, S), 0 to 1.
        positions: (G, k) float64 places along the slicing axis in units of the field of view.
        counts: (G,) painted slices of each task, which come first; the others only pad.
    """

    images: Tensor
    masks: Tensor
    positions: np.ndarray
    counts: np.ndarray

    @classmethod
    def join(cls, parts: Sequence[PaintedStacks]) -> PaintedStacks:
        """All their tasks, in that order, with the shapes that are measured in them once, however often they join."""
        shapes = ShapePriors.join([stack._shapes for stack in parts])
        k = shapes.distances.shape[1]
        images, masks = (
            torch.cat([F.pad(x, (0, 0, 0, 0, 0, k - x.shape[1])) for x in pictures])
            for pictures in ([stack.images for stack in parts], [stack.masks for stack in parts])
        )
        joined = cls(images, masks, shapes.profiles.positions, shapes.profiles.counts)
        joined.__dict__["_shapes"] = shapes
        return joined

    @cached_property
    @torch.no_grad()
    def _shapes(self) -> ShapePriors:
        return ShapePriors.of(self.masks, self.positions, self.counts)

    @cached_property
    def _pictures(self) -> Tensor:
        """Image, mask (-1 to 1) and shape of every painted slice, (2 * G * k, 3, S, S).

        Shapes are squashed distances in the first half, for slices between two painted ones, distances in the second.
        """
        seen = [self.images, self.masks * 2 - 1]
        return torch.stack(
            [torch.stack([*seen, shapes], 2) for shapes in (self._shapes.squashed, self._shapes.distances)]
        ).flatten(0, 2)

    @torch.no_grad()
    def hints(self, task: np.ndarray, targets: np.ndarray, guides: Guides, across: SeenAcross | None = None) -> Hints:
        """All hints for N target slices; what is found for one does not depend on the others.

        Args:
            task: (N,) of each target slice.
            targets: (N,) their places.
            guides: of the target slices.
            across: what planes across show of them; None: there are none.
        """
        task, count, (tasks, k, size) = np.asarray(task), len(targets), self.images.shape[:3]
        device = self.images.device
        where = BetweenPainted.of(self.positions, self.counts, task, targets)
        # carried to each target: the painted slice before it, or the outermost, and that after it, where there are two
        inner = np.flatnonzero(where.inner)
        second = np.arange(count)
        second[inner] = count + np.arange(len(inner))
        far = where.share > 0.5  # the second is the nearer one
        nearest, opposite = np.where(far, second, np.arange(count)), np.where(far, np.arange(count), second)
        pictures = task * k + where.first + np.where(where.inner, 0, tasks * k)
        pictures = np.concatenate([pictures, task[inner] * k + where.second[inner]])
        motion = np.concatenate([2 * np.arange(count) + where.low, 2 * inner + 1])
        rows = array_tensor(np.concatenate([pictures, motion, nearest, opposite, second]), np.int64)
        parts = to_device(rows, device).split([len(pictures), len(motion), count, count, count])
        with part("hints/neighbors"):
            displacement = guides.motion.flatten(0, 1)[parts[1]]
            carried = warp(self._pictures[parts[0]], displacement, pixel_grid(size, device))
            fraction = to_device(array_tensor(np.minimum(where.share, 1 - where.share)), device)
            neighbours = torch.cat(
                [carried[parts[2], :2], carried[parts[3], :2], fraction[:, None, None, None].expand(-1, 1, size, size)],
                1,
            )
        with part("hints/shape"):
            shape = self._shapes.logits(where, task, targets, carried[:count, 2], carried[parts[4], 2], across)
        votes = guides.votes
        if votes.shape[-1] != size:
            votes = both_ways(resizing(votes.shape[-1], size, device), votes)
        given = torch.ones(count, device=device)
        return Hints(shape, given, votes, given, neighbours, given)
