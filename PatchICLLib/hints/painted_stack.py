"""The painted slices of one label seen through the region of interest, and the hints they give about other slices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.cascade.hint_channels import Hints
from PatchICLLib.hints.geodesic_vote import geodesic_vote
from PatchICLLib.hints.likelihood import Likelihood
from PatchICLLib.hints.motion import motion_to_painted, warp
from PatchICLLib.hints.shape_prior import ShapePrior

VOTE_SIZE = 128  # pixels a side at which the image-aware vote is computed, whatever the network's input
MOTION_SIZE = 48  # and the motion between slices
_PRICES = 0.75, 0.25  # of a change of intensity and of likelihood on a geodesic path


@dataclass(frozen=True)
class Guides:
    """What the whole run of slices says about T of them.

    Attributes:
        votes: (T, 2, v, v) image-aware votes and likelihoods of the intensities, -1 to 1, of any resolution.
        motion: (T, 2, 2, m, m) displacements to the painted slices before and after, of any resolution; see
            ``motion_to_painted``.
    """

    votes: Tensor
    motion: Tensor


@dataclass(frozen=True)
class PaintedStack:
    """k painted slices, in ascending order.

    Attributes:
        images: (k, S, S) standardised intensities.
        masks: (k, S, S), 0 to 1.
        positions: (k,) float64 places along the slicing axis in units of the field of view.
    """

    images: Tensor
    masks: Tensor
    positions: np.ndarray

    @cached_property
    def _shapes(self) -> ShapePrior:
        return ShapePrior.of(self.masks)

    def hints(self, targets: np.ndarray, guides: Guides) -> Hints:
        """All hints for target slices.

        Args:
            targets: (T,) places of the target slices.
            guides: of the target slices.
        """
        size = self.images.shape[-1]
        given = torch.ones(len(targets))
        vote = F.interpolate(guides.votes, size=(size, size), mode="bilinear", align_corners=False)
        shape = self._shapes.at(self.positions, targets, guides.motion)
        return Hints(shape, given, vote, given, self._neighbours(targets, guides.motion), given)

    def _neighbours(self, targets: np.ndarray, motion: Tensor) -> Tensor:
        """Nearest painted slice, the one on the other side, and the target's place between them; see ``Hints``."""
        stacked = []
        for target, moved in zip(targets, motion, strict=True):
            after = int(np.searchsorted(self.positions, target))
            if 0 < after < len(self.positions):
                first, last = self.positions[after - 1], self.positions[after]
                t = float((target - first) / (last - first))
                near, fraction = (0, t) if t <= 0.5 else (1, 1 - t)
                seen = [self._carried(after - 1 + side, moved[side]) for side in (near, 1 - near)]
            else:
                end, side, fraction = (0, 1, 0.0) if after == 0 else (len(self.positions) - 1, 0, 0.0)
                seen = [self._carried(end, moved[side])] * 2
            stacked.append(torch.cat([*seen, torch.full_like(self.images[:1], fraction)]))
        return torch.stack(stacked)

    def _carried(self, number: int, motion: Tensor) -> Tensor:
        """Image and mask (-1 to 1) of a painted slice, carried along by a motion (2, m, m): (2, S, S)."""
        return warp(torch.stack([self.images[number], self.masks[number] * 2 - 1])[None], motion[None])[0]


def guides_on_slices(
    images: Tensor,
    masks: Tensor,
    painted: np.ndarray,
    slice_step: float,
    wanted: np.ndarray,
    likelihood: Likelihood,
    check: Callable[[], None] = lambda: None,
) -> Guides:
    """Votes of the painted slices on a run of slices, and the motion from there to the painted ones.

    Args and shapes as in ``votes_on_slices``.
    """
    votes = votes_on_slices(images, masks, painted, slice_step, wanted, likelihood, check)
    small = F.interpolate(images[None], size=(MOTION_SIZE, MOTION_SIZE), mode="area")[0]
    return Guides(votes, motion_to_painted(small, painted, wanted, check))


def votes_on_slices(
    images: Tensor,
    masks: Tensor,
    painted: np.ndarray,
    slice_step: float,
    wanted: np.ndarray,
    likelihood: Likelihood,
    check: Callable[[], None] = lambda: None,
) -> Tensor:
    """Votes of the painted slices on a run of slices: image-aware, and by likelihood of the intensities alone.

    Args:
        images: (Z, v, v) intensities of neighbouring slices through the region, about 0 to 1.
        masks: (k, v, v) painted masks, 0 to 1.
        painted: (k,) places of the painted slices within the run.
        slice_step: distance of neighbouring slices in units of the field of view.
        wanted: (T,) places of the slices to return.
        likelihood: learned from all painted slices of the context, within the run or not.
        check: called now and then; may raise to stop.

    Returns:
        (T, 2, v, v), -1 to 1.
    """
    seeds = torch.zeros(images.shape, dtype=torch.uint8)
    seeds[array_tensor(painted, np.int64)] = torch.where(masks >= 0.5, 1, 2).to(torch.uint8)
    likely = likelihood.of(images, check)
    pixel = 1 / images.shape[-1]
    seen = torch.stack([_PRICES[0] * images, _PRICES[1] * likely])
    vote = geodesic_vote(seen, seeds, (slice_step, pixel, pixel), check=check)
    return torch.stack([vote, 2 * likely - 1], 1)[array_tensor(wanted, np.int64)]
