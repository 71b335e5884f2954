"""Square patches on a regular grid: their corners, and their crops with a halo around them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class PatchGrid:
    """Candidate patches of a square image.

    Attributes:
        size: side S of the image in pixels.
        patch: side P of a patch in pixels.
        stride: distance of neighbouring candidates in pixels; less than ``patch`` lets patches overlap.
    """

    size: int
    patch: int
    stride: int

    def __post_init__(self) -> None:
        if self.size < self.patch or (self.size - self.patch) % self.stride:
            raise ValueError(
                f"patches of {self.patch} pixels at a stride of {self.stride} do not tile {self.size} pixels"
            )

    @property
    def side(self) -> int:
        """Candidates a side, G."""
        return (self.size - self.patch) // self.stride + 1

    @property
    def count(self) -> int:
        return self.side**2

    def corners(self, indices: Tensor) -> Tensor:
        """First row and column of candidates: (...) long -> (..., 2) long."""
        rows = torch.div(indices, self.side, rounding_mode="floor")
        return torch.stack([rows, indices - rows * self.side], -1) * self.stride


def crop_patches(images: Tensor, indices: Tensor, grid: PatchGrid, halo: int = 0) -> Tensor:
    """Cut patches out of images, with a halo that is replicated at the image's border.

    Args:
        images: (N, C, S, S).
        indices: (N, K) candidate numbers.
        grid: the candidates.
        halo: pixels added on each side.

    Returns:
        (N*K, C, P + 2 halo, P + 2 halo), sample by sample.
    """
    padded = F.pad(images, (halo,) * 4, mode="replicate") if halo else images
    window = grid.patch + 2 * halo
    windows = padded.unfold(2, window, grid.stride).unfold(3, window, grid.stride)  # a view: (N, C, G, G, w, w)
    rows = torch.div(indices, grid.side, rounding_mode="floor")
    sample = torch.arange(len(images), device=images.device)[:, None].expand_as(indices)
    return windows[sample, :, rows, indices - rows * grid.side].flatten(0, 1)
