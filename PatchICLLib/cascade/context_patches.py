"""The patches that are chosen of a context's images at each level, taken together: what is seen of them is alike."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from PatchICLLib.cascade.patches import PatchGrid, crop_patches
from PatchICLLib.cascade.positions import token_positions
from PatchICLLib.runtime.device_constants import made_once


@dataclass(frozen=True)
class ContextPatches:
    """Of B sets of k images; P patches of a set, level by level.

    Attributes:
        grids: of the levels.
        indices: of each level, (B * k, Kc) candidate numbers.
        sets: B.
    """

    grids: Sequence[PatchGrid]
    indices: Sequence[Tensor]
    sets: int

    def counts(self) -> list[int]:
        """Patches of a set at each level; P together."""
        return [indices.numel() // self.sets for indices in self.indices]

    def levels(self) -> Tensor:
        """(B, P): number of the level that each patch is of."""
        return _levels(self.indices[0].device, tuple(self.counts()), self.sets)

    def crops(self, images: Iterable[Tensor], halo: int = 0) -> Tensor:
        """(B * P, C, w, w) of the images as each level sees them, (B * k, C, S, S)."""
        cut = (crop_patches(*of_level, halo) for of_level in zip(images, self.indices, self.grids, strict=True))
        return torch.cat([crops.unflatten(0, (self.sets, -1)) for crops in cut], 1).flatten(0, 1)

    def positions(self, per_side: int, places: Tensor) -> Tensor:
        """(B, P * per_side^2, 3) of tokens, see ``token_positions``."""
        of_levels = (token_positions(*one, per_side, places) for one in zip(self.indices, self.grids, strict=True))
        return torch.cat([positions.reshape(self.sets, -1, 3) for positions in of_levels], 1)


@made_once
def _levels(device: torch.device, counts: tuple[int, ...], sets: int) -> Tensor:
    return torch.cat([torch.full((sets, count), i, device=device) for i, count in enumerate(counts)], 1)
