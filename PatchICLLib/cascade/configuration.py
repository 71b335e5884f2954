"""Configuration of the `sparse` preset."""

from dataclasses import dataclass
from typing import Annotated, Literal

from PatchICLLib.allowed_values import Between, Length

Side = Literal[8, 16, 32, 64, 128]
Channels = Annotated[int, Between(4, 256, divisor=4)]
Patches = Annotated[tuple[Annotated[int, Between(1, 4096)], ...], Length(1, 12)]


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

    coarsest: Side = 32
    patch_size: Side = 16
    patch_stride: Annotated[int, Between(2, 128)] = 16
    halo: Annotated[int, Between(0, 32, divisor=4)] = 4
    channels: tuple[Channels, Channels, Channels] = (16, 32, 64)
    features: Annotated[int, Between(4, 1024)] = 128
    heads: Annotated[int, Between(1, 64)] = 4
    layers: Annotated[int, Between(1, 16)] = 4
    tokens_per_side: Literal[1, 2, 4] = 2
    key_features: Annotated[int, Between(1, 256)] = 32
    resolution_features: Annotated[int, Between(2, 256, divisor=2)] = 16
    target_patches: Patches = (4, 16, 28, 36, 31)
    context_patches: Patches = (4, 10, 16, 20, 20)
    minimum_entropy: Annotated[float, Between(0, 1)] = 0.01
    temperature: Annotated[float, Between(0.001, 100)] = 0.5

    def check(self) -> None:
        """Whether the values fit each other.

        Raises:
            ValueError: they do not; the message continues a sentence.
        """
        if self.coarsest < self.patch_size:
            raise ValueError(f"a patch of {self.patch_size} pixels does not fit into {self.coarsest}")
        if self.patch_size % self.patch_stride or self.patch_size > 4 * self.patch_stride:
            raise ValueError(f"patch_stride {self.patch_stride} is not all, a half or a quarter of {self.patch_size}")
        if (self.patch_size // 4) % self.tokens_per_side:
            raise ValueError(f"a patch of {self.patch_size} pixels cannot hold {self.tokens_per_side} tokens a side")
        if self.features % (4 * self.heads):
            raise ValueError(f"{self.features} features are not a multiple of 4 for each of {self.heads} heads")

    def budget(self, patches: tuple[int, ...], level: int) -> int:
        """Number of patches at a level."""
        return patches[min(level, len(patches) - 1)]

    def resolutions(self, size: int) -> tuple[int, ...]:
        """Levels of an input of ``size`` pixels a side: coarsest, doubled up to size.

        Raises:
            ValueError: if size is not ``coarsest`` times a power of two.
        """
        levels: list[int] = [self.coarsest]
        while levels[-1] < size:
            levels.append(2 * levels[-1])
        if levels[-1] != size:
            raise ValueError(f"the input must be {self.coarsest} * 2^n pixels a side, not {size}")
        return tuple(levels)
