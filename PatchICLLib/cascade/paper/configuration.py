"""Configuration of the `paper` preset."""

from dataclasses import dataclass
from typing import Annotated, Literal

from PatchICLLib.allowed_values import Between, Length
from PatchICLLib.errors import InputError
from PatchICLLib.universeg.network import UniverSegConfiguration

Patches = Annotated[tuple[Annotated[int, Between(1, 4096)], ...], Length(2, 12)]


@dataclass(frozen=True)
class PaperConfiguration:
    """The published model. The defaults are the published values.

    Attributes:
        resolutions: sides of the levels before the last one in pixels, coarse to fine; the last level is the input.
        target_patches: patches of the target at each of these levels, and at the last.
        context_patches: the same for each context image.
        patch_size: side of a patch in pixels, at every level.
        patch_stride: distance of candidate patches in pixels; below ``patch_size`` patches overlap.
        features: length of a token, and channels of the patch encoder and decoder.
        heads: attention heads.
        context_layers: attention layers in which context patches see each other only.
        joint_layers: attention layers of target and context patches together.
        registers: learned tokens that every level starts with and hands on to the next level.
        attention: "bidirectional", all patches see all others (paper, section 3.4), or "context_blind", context patches
            do not see target patches (published code; register tokens see everything in both).
        skip_connections: whether the decoder reads the patch encoder's maps (paper, section 3.3; the published code
            also runs without).
        dropout: in attention and its MLPs, in training.
        resolution_features: length of the resolution's code.
        temperature: of the Gumbel noise in training (eq. 2).
        encoder: channels of the frozen UniverSeg encoder.
    """

    resolutions: Annotated[tuple[Annotated[int, Between(8, 1024, divisor=8)], ...], Length(1, 11)] = (24, 64, 128)
    target_patches: Patches = (9, 20, 20, 30)
    context_patches: Patches = (9, 20, 20, 30)
    patch_size: Literal[8] = 8
    patch_stride: Literal[2, 4, 8] = 8
    features: Annotated[int, Between(8, 1024)] = 256
    heads: Annotated[int, Between(1, 64)] = 4
    context_layers: Annotated[int, Between(0, 16)] = 1
    joint_layers: Annotated[int, Between(1, 16)] = 2
    registers: Annotated[int, Between(0, 64)] = 1
    attention: Literal["bidirectional", "context_blind"] = "bidirectional"
    skip_connections: bool = True
    dropout: Annotated[float, Between(0, 0.9)] = 0.1
    resolution_features: Annotated[int, Between(2, 256, divisor=2)] = 32
    temperature: Annotated[float, Between(0.001, 100)] = 0.1
    encoder: UniverSegConfiguration = UniverSegConfiguration()

    def __post_init__(self) -> None:
        levels = len(self.resolutions) + 1
        if len(self.target_patches) != levels or len(self.context_patches) != levels:
            raise InputError(
                f"The paper preset needs patch budgets for {levels} levels ({len(self.resolutions)} resolutions and "
                f"the input), but has {len(self.target_patches)} for the target and {len(self.context_patches)} for "
                "context."
            )
        if self.attention not in ("bidirectional", "context_blind"):
            raise InputError(f'attention must be "bidirectional" or "context_blind", but is "{self.attention}".')
        if self.patch_size != 8:
            raise InputError(
                f"The paper's patch encoder reads patches of 8 pixels, but patch_size is {self.patch_size}."
            )

    def check(self) -> None:
        """Whether the values fit each other, beyond what every value of this class keeps to.

        Raises:
            ValueError: they do not; the message continues a sentence.
        """
        if list(self.resolutions) != sorted(set(self.resolutions)):
            raise ValueError("resolutions do not grow from level to level")
        if self.features % (4 * self.heads):
            raise ValueError(f"{self.features} features are not a multiple of 4 for each of {self.heads} heads")

    def levels(self, size: int) -> tuple[tuple[int, int, int], ...]:
        """Resolution, target patches and context patches per image of each level, for an input of ``size`` x ``size``.

        Levels that are not coarser than the input are left out: at 128 there are 24, 64 and the input itself.

        Raises:
            InputError: if no patch grid or no encoder fits ``size``.
        """
        stride = self.encoder.stride
        if size < self.patch_size or size % stride or (size - self.patch_size) % self.patch_stride:
            raise InputError(
                f"Images must be a multiple of {max(stride, self.patch_stride)} pixels a side, but are {size}; "
                "resize or pad them."
            )
        sides = (*(side for side in self.resolutions if side < size), size)
        coarse = len(sides) - 1
        target = (*self.target_patches[:coarse], self.target_patches[-1])
        context = (*self.context_patches[:coarse], self.context_patches[-1])
        return tuple(zip(sides, target, context, strict=True))
