"""Square patches on a regular grid: their corners, and their crops with a halo around them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from PatchICLLib.runtime.device_constants import made_once


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

    def pixels(self, indices: Tensor, halo: int = 0) -> Tensor:
        """Numbers of the pixels of candidates, row by row over the image; beyond its border, those at the border.

        Args:
            indices: (N, K) candidate numbers.
            halo: pixels added on each side.

        Returns:
            (N, K, (P + 2 halo)^2) long.
        """
        return _pixels(indices.device, self, halo)[indices]


@made_once
def _pixels(device: torch.device, grid: PatchGrid, halo: int) -> Tensor:
    """(G*G, w*w)."""
    corners = torch.arange(grid.side, device=device) * grid.stride - halo
    within = torch.arange(grid.patch + 2 * halo, device=device)
    places = (corners[:, None] + within).clamp(0, grid.size - 1)  # (G, w)
    return (places[:, None, :, None] * grid.size + places[None, :, None, :]).reshape(grid.count, -1)


def crop_patches(images: Tensor, indices: Tensor, grid: PatchGrid, halo: int = 0) -> Tensor:
    """Cut patches out of images, with a halo that is replicated at the image's border.

    Args:
        images: (N, C, S, S).
        indices: (N, K) candidate numbers.
        grid: the candidates.
        halo: pixels added on each side.

    Returns:
        (N*K, C, P + 2 halo, P + 2 halo), sample by sample, channels last in memory.
    """
    n, channels = images.shape[:2]
    k, window = indices.shape[1], grid.patch + 2 * halo
    pixels = grid.pixels(indices, halo).reshape(n, 1, -1).expand(n, channels, -1)
    crops = images.reshape(n, channels, -1).gather(2, pixels).view(n, channels, k, -1)
    return crops.permute(0, 2, 3, 1).reshape(n * k, window, window, channels).permute(0, 3, 1, 2)
