"""What the painted slices say about a target slice before the network looks: prior shapes and painted neighbours.

All hints are optional; a flag per sample tells the network which are there, so that the same weights serve pure
in-context use.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

CHANNELS = 12  # see Hints.channels


@dataclass(frozen=True)
class Hints:
    """Aligned with the target image; N samples.

    Attributes:
        shape: (N, 2, H, W) logits of the shape interpolated between painted slices, -4 to 4: as it comes, and grown or
            shrunk to the size expected.
        shape_given: (N,) 1 or 0.
        vote: (N, 2, H, W) of the painted slices, -1 (outside) to 1 (inside): image-aware vote, and likelihood of the
            intensities alone.
        vote_given: (N,) 1 or 0.
        neighbours: (N, 5, H, W): nearest painted image and mask (-1 to 1), the painted image and mask on the other
            side, and how far the target lies between them (0 at the nearest, 0.5 half way).
        neighbours_given: (N,) 1 or 0.
    """

    shape: Tensor
    shape_given: Tensor
    vote: Tensor
    vote_given: Tensor
    neighbours: Tensor
    neighbours_given: Tensor

    @classmethod
    def none(cls, target: Tensor) -> Hints:
        """No hints at all for a target (N, 1, H, W)."""
        n, _, h, w = target.shape
        absent = target.new_zeros(n)
        blank = target.new_zeros(n, 2, h, w)
        return cls(blank, absent, blank, absent, target.new_zeros(n, 5, h, w), absent)

    def masked(self) -> Hints:
        """The same with everything zero that is not given, so that absent hints cannot leak."""

        def keep(x: Tensor, given: Tensor) -> Tensor:
            return x * given.view(-1, 1, 1, 1)

        return Hints(
            keep(self.shape, self.shape_given),
            self.shape_given,
            keep(self.vote, self.vote_given),
            self.vote_given,
            keep(self.neighbours, self.neighbours_given),
            self.neighbours_given,
        )

    def flags(self) -> Tensor:
        """(N, 3): shape, vote and neighbours given."""
        return torch.stack([self.shape_given, self.vote_given, self.neighbours_given], 1)

    def channels(self) -> Tensor:
        """All hints as channels (N, CHANNELS, H, W), about -1 to 1; call on ``masked()`` hints."""
        n, _, h, w = self.shape.shape
        flags = self.flags()[:, :, None, None].expand(n, 3, h, w)
        return torch.cat([self.shape / 4, self.vote, self.neighbours, flags], 1)

    def to(self, device: torch.device | str) -> Hints:
        return Hints(*(getattr(self, f.name).to(device) for f in fields(self)))
