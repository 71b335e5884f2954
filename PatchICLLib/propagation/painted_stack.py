"""The painted slices of one label seen through the region of interest, and the hints they give about other slices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from PatchICLLib.cascade.hints import Hints
from PatchICLLib.propagation.geodesic_vote import geodesic_vote
from PatchICLLib.propagation.shape_prior import ShapePrior

VOTE_SIZE = 96  # pixels a side at which the image-aware vote is computed, whatever the network's input


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

    def hints(self, targets: np.ndarray, votes: Tensor) -> Hints:
        """All hints for target slices.

        Args:
            targets: (T,) places of the target slices.
            votes: (T, v, v) image-aware votes of any resolution.
        """
        size = self.images.shape[-1]
        given = torch.ones(len(targets))
        vote = F.interpolate(votes[:, None], size=(size, size), mode="bilinear", align_corners=False)
        shape = self._shapes.at(self.positions, targets)[:, None]
        return Hints(shape, given, vote, given, self._neighbours(targets), given)

    def _neighbours(self, targets: np.ndarray) -> Tensor:
        """Nearest painted slice, the one on the other side, and the target's place between them; see ``Hints``."""
        stacked = []
        for target in targets:
            after = int(np.searchsorted(self.positions, target))
            if 0 < after < len(self.positions):
                first, last = self.positions[after - 1], self.positions[after]
                t = (target - first) / (last - first)
                near, far, fraction = (after - 1, after, t) if t <= 0.5 else (after, after - 1, 1 - t)
            else:
                near = far = 0 if after == 0 else len(self.positions) - 1
                fraction = 0.0
            place = torch.full_like(self.images[0], float(fraction))
            stacked.append(
                torch.stack(
                    [self.images[near], self.masks[near] * 2 - 1, self.images[far], self.masks[far] * 2 - 1, place]
                )
            )
        return torch.stack(stacked)


def vote_on_slices(
    images: Tensor,
    masks: Tensor,
    painted: np.ndarray,
    slice_step: float,
    wanted: np.ndarray,
    check: Callable[[], None] = lambda: None,
) -> Tensor:
    """Image-aware vote of the painted slices on a run of slices.

    Args:
        images: (Z, v, v) intensities of neighbouring slices through the region, about 0 to 1.
        masks: (k, v, v) painted masks, 0 to 1.
        painted: (k,) places of the painted slices within the run.
        slice_step: distance of neighbouring slices in units of the field of view.
        wanted: (T,) places of the slices to return.
        check: called now and then; may raise to stop.

    Returns:
        (T, v, v), -1 to 1.
    """
    seeds = torch.zeros(images.shape, dtype=torch.uint8)
    seeds[torch.from_numpy(painted)] = torch.where(masks >= 0.5, 1, 2).to(torch.uint8)
    pixel = 1 / images.shape[-1]
    return geodesic_vote(images, seeds, (slice_step, pixel, pixel), check=check)[torch.from_numpy(wanted)]
