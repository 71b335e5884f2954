"""Runs of neighbouring slices, some of them painted, and what the painted ones say about the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.hints.geodesic_vote import geodesic_vote
from PatchICLLib.hints.likelihood import Likelihoods
from PatchICLLib.hints.motion import motion_to_painted
from PatchICLLib.hints.separable import averaging, both_ways
from PatchICLLib.runtime.transfers import to_device

VOTE_SIZE = 128  # pixels a side at which the image-aware vote is computed, whatever the network's input
MOTION_SIZE = 48  # and the motion between slices
_PRICES = 0.75, 0.25  # of a change of intensity and of likelihood on a geodesic path


@dataclass(frozen=True)
class Guides:
    """What whole runs of slices say about N of their slices.

    Attributes:
        votes: (N, 2, v, v) image-aware votes and likelihoods of the intensities, -1 to 1, of any resolution.
        motion: (N, 2, 2, m, m) displacements to the painted slices before and after, of any resolution; see
            ``motion_to_painted``.
    """

    votes: Tensor
    motion: Tensor

    @classmethod
    def join(cls, parts: Sequence[Guides]) -> Guides:
        """All their slices, in that order."""
        return cls(torch.cat([p.votes for p in parts]), torch.cat([p.motion for p in parts]))

    def take(self, rows: np.ndarray) -> Guides:
        """Of some of the slices, by their (M,) numbers in any order."""
        chosen = to_device(array_tensor(np.asarray(rows), np.int64), self.votes.device)
        return Guides(self.votes[chosen], self.motion[chosen])


@dataclass(frozen=True)
class PaintedRuns:
    """G runs of neighbouring slices, each seen through a region of its own: R slices, one run after another.

    Numbers that say where something is are the host's, pictures are the device's.

    Attributes:
        images: (R, v, v) intensities, as ``Normalisation.unit`` gives them.
        depth: (G,) slices of each run, at least one; R in all.
        step: (G,) distance of neighbouring slices in units of the field of view.
        masks: (B, v, v) painted masks, 0 to 1.
        painted: (B,) ascending rows of ``images`` of the painted slices.
        wanted: (N,) rows of ``images`` of the slices that are asked for, not painted.
        likelihoods: learned from all painted slices of each run's context, within the run or not.
    """

    images: Tensor
    depth: np.ndarray
    step: np.ndarray
    masks: Tensor
    painted: np.ndarray
    wanted: np.ndarray
    likelihoods: Likelihoods

    @classmethod
    def join(cls, parts: Sequence[PaintedRuns]) -> PaintedRuns:
        """All their runs, in that order."""
        first = np.cumsum([0, *(len(part.images) for part in parts)])
        return cls(
            torch.cat([part.images for part in parts]),
            np.concatenate([part.depth for part in parts]),
            np.concatenate([part.step for part in parts]),
            torch.cat([part.masks for part in parts]),
            np.concatenate([part.painted + row for part, row in zip(parts, first, strict=False)]),
            np.concatenate([part.wanted + row for part, row in zip(parts, first, strict=False)]),
            Likelihoods.join([part.likelihoods for part in parts]),
        )


@torch.no_grad()
def guides_on_runs(runs: PaintedRuns, check: Callable[[], None] = lambda: None) -> Guides:
    """Votes of the painted slices on the slices that are asked for, and the motion from there to the painted ones.

    What is found in a run does not depend on the others.

    Args:
        runs: of any lengths.
        check: called often, also within a second; may raise to stop.

    Returns:
        Guides of N slices, in the order of ``wanted``.
    """
    votes = _votes(runs, check)
    small = both_ways(averaging(runs.images.shape[-1], MOTION_SIZE, runs.images.device), runs.images)
    return Guides(votes, motion_to_painted(small, runs.depth, runs.painted, runs.wanted, check))


def _votes(runs: PaintedRuns, check: Callable[[], None]) -> Tensor:
    """(N, 2, v, v), -1 to 1: image-aware, and by likelihood of the intensities alone."""
    images, depth = runs.images, np.asarray(runs.depth)
    likely = runs.likelihoods.of(images, np.repeat(np.arange(len(depth)), depth), check)
    painted, wanted = (to_device(array_tensor(rows, np.int64), images.device) for rows in (runs.painted, runs.wanted))
    kinds = torch.where(runs.masks >= 0.5, 1, 2).to(torch.uint8)
    seeds = torch.zeros_like(images, dtype=torch.uint8).index_copy_(0, painted, kinds)
    pixel = np.full(len(depth), 1 / images.shape[-1])
    seen = torch.stack([_PRICES[0] * images, _PRICES[1] * likely], 1)
    vote = geodesic_vote(seen, seeds, depth, np.stack([runs.step, pixel, pixel], 1), check=check)
    return torch.stack([vote[wanted], 2 * likely[wanted] - 1], 1)
