"""Configuration of the `sparse` preset."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SparseConfiguration:
    """The default cascade: cheap, because only chosen patches are ever encoded.

    Attributes:
        coarsest: side of the first level in pixels; each further level doubles it up to the input's side.
        patch_size: side of a patch in pixels, at every level.
        patch_stride: distance of candidate patches in pixels.
        halo: pixels around a patch that its encoder sees, a multiple of 4.
        channels: features of the encoder at one, half and quarter resolution.
        features: length of a token.
        heads: attention heads.
        layers: attention layers.
        tokens_per_side: attention tokens a side of a patch, 1, 2 or 4.
        key_features: length of the space in which the mask read-out compares tokens.
        resolution_features: length of the resolution's code.
        target_patches: patches of the target per level, coarse to fine; the last repeats.
        context_patches: patches of each context image per level; the last repeats.
        minimum_entropy: at inference, patches below this mean entropy (bits) are left alone, and the cascade ends when
            none is above.
        temperature: of the Gumbel noise in training (eq. 2).
    """

    coarsest: int = 32
    patch_size: int = 16
    patch_stride: int = 16
    halo: int = 4
    channels: tuple[int, int, int] = (16, 32, 64)
    features: int = 128
    heads: int = 4
    layers: int = 4
    tokens_per_side: int = 2
    key_features: int = 32
    resolution_features: int = 16
    target_patches: tuple[int, ...] = (4, 16, 28, 36, 48)
    context_patches: tuple[int, ...] = (4, 10, 16, 20, 24)
    minimum_entropy: float = 0.01
    temperature: float = 0.5

    def budget(self, patches: tuple[int, ...], level: int) -> int:
        """Number of patches at a level."""
        return patches[min(level, len(patches) - 1)]

    def resolutions(self, size: int) -> tuple[int, ...]:
        """Levels of an input of ``size`` pixels a side: coarsest, doubled up to size.

        Raises:
            ValueError: if size is not ``coarsest`` times a power of two.
        """
        levels = [self.coarsest]
        while levels[-1] < size:
            levels.append(2 * levels[-1])
        if levels[-1] != size:
            raise ValueError(f"the input must be {self.coarsest} * 2^n pixels a side, not {size}")
        return tuple(levels)
