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
from PatchICLLib.runtime.stopwatch import part
from PatchICLLib.runtime.transfers import to_device

VOTE_SIZE = 128  # pixels a side at which the image-aware vote is computed, whatever the network's input
MOTION_SIZE = 48  # and the motion between slices
_PRICES = 0.75, 0.25  # of a change of intensity and of likelihood on a geodesic path
_BARRED, _WALL = 3, 25.0  # what is something else, and the price of each channel on a path into it and out of it again
_AT_ONCE = {"cpu": 1 << 22}  # pixels of slices voted on at a time, unless one run has more; each takes 40 bytes
_MOST_AT_ONCE = 1 << 25


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
        known: (R, v, v) uint8 of pixels beside the painted slices: 1 inside, 2 outside, 3 outside because something
            else is there, 0 not known; None: none is.
    """

    images: Tensor
    depth: np.ndarray
    step: np.ndarray
    masks: Tensor
    painted: np.ndarray
    wanted: np.ndarray
    likelihoods: Likelihoods
    known: Tensor | None = None

    @classmethod
    def join(cls, parts: Sequence[PaintedRuns]) -> PaintedRuns:
        """All their runs, in that order."""
        first = np.cumsum([0, *(len(runs.images) for runs in parts)])
        return cls(
            torch.cat([runs.images for runs in parts]),
            np.concatenate([runs.depth for runs in parts]),
            np.concatenate([runs.step for runs in parts]),
            torch.cat([runs.masks for runs in parts]),
            np.concatenate([runs.painted + row for runs, row in zip(parts, first, strict=False)]),
            np.concatenate([runs.wanted + row for runs, row in zip(parts, first, strict=False)]),
            Likelihoods.join([runs.likelihoods for runs in parts]),
            cls._all_known(parts),
        )

    @staticmethod
    def _all_known(parts: Sequence[PaintedRuns]) -> Tensor | None:
        if all(runs.known is None for runs in parts):
            return None
        return torch.cat([_seeds_beside_painted(runs) for runs in parts])


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
    images, depth = runs.images, np.asarray(runs.depth)
    with part("hints/likelihood"):
        likely = runs.likelihoods.of(images, np.repeat(np.arange(len(depth)), depth), check)
    with part("hints/vote"):
        vote = _image_aware_vote(runs, likely, check)
        wanted = to_device(array_tensor(runs.wanted, np.int64), images.device)
        votes = torch.stack([vote[wanted], 2 * likely[wanted] - 1], 1)
        if runs.known is not None:
            votes = torch.where(runs.known[wanted, None] == _BARRED, -1.0, votes)
    del vote, likely
    with part("hints/motion"):
        small = both_ways(averaging(images.shape[-1], MOTION_SIZE, images.device), images)
        motion = motion_to_painted(small, depth, runs.painted, runs.wanted, check)
    return Guides(votes, motion)


def _image_aware_vote(runs: PaintedRuns, likely: Tensor, check: Callable[[], None]) -> Tensor:
    """(R, v, v), -1 to 1; ``likely`` (R, v, v) is seen beside the intensities."""
    seeds = _seeds_beside_painted(runs)
    barred = seeds == _BARRED
    seeds = torch.where(barred, 0, seeds)
    painted = to_device(array_tensor(runs.painted, np.int64), likely.device)
    seeds[painted] = torch.where(runs.masks >= 0.5, 1, 2).to(torch.uint8)
    depth, pixel = np.asarray(runs.depth), np.full(len(runs.depth), 1 / likely.shape[-1])
    spacing = np.stack([runs.step, pixel, pixel], 1)
    most = _AT_ONCE.get(likely.device.type, _MOST_AT_ONCE) // likely.shape[-1] ** 2
    votes = []
    for first, last in _groups(depth, most):
        rows = slice(int(depth[:first].sum()), int(depth[:last].sum()))
        seen = torch.stack([_PRICES[0] * runs.images[rows], _PRICES[1] * likely[rows]], 1)
        if runs.known is not None:
            seen = seen + _WALL * barred[rows].unsqueeze(1)
        votes.append(geodesic_vote(seen, seeds[rows], depth[first:last], spacing[first:last], check=check))
    return torch.cat(votes)


def _seeds_beside_painted(runs: PaintedRuns) -> Tensor:
    """(R, v, v) uint8, in memory of its own."""
    return torch.zeros_like(runs.images, dtype=torch.uint8) if runs.known is None else runs.known.clone()


def _groups(depth: np.ndarray, most: int) -> list[tuple[int, int]]:
    """Neighbouring runs that together have at most so many slices, or one each: first and beyond the last."""
    firsts, rows = [0], 0
    for run, count in enumerate(depth):
        if rows and rows + count > most:
            firsts.append(run)
            rows = 0
        rows += count
    return list(zip(firsts, [*firsts[1:], len(depth)], strict=True))
