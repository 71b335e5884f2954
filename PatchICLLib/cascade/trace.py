"""What the cascade did at every level, for supervision (paper, section 3.6) and for people who want to look."""

from dataclasses import dataclass

from torch import Tensor

from PatchICLLib.cascade.patches import PatchGrid
from PatchICLLib.cascade.selection import Selection


@dataclass(frozen=True)
class LevelTrace:
    """One level, N samples.

    Attributes:
        resolution: side S of the level's image in pixels.
        grid: candidate patches.
        weights: (N, G*G) mean entropy of each candidate in bits (eq. 1).
        selection: patches chosen (eq. 2).
        coverage: (N, 1, S, S), 1 where a chosen patch lies.
        before: (N, 1, S, S) logits from the level before, upsampled.
        after: (N, 1, S, S) logits after fusion (eq. 4).
        context: per context image, the patches that were encoded, indices (B, k, Kc).
        recited: (B, Kc, P, P) logits that the tokens of each set's first context image give of their own masks; None
            where nobody asked for them.
    """

    resolution: int
    grid: PatchGrid
    weights: Tensor
    selection: Selection
    coverage: Tensor
    before: Tensor
    after: Tensor
    context: Tensor
    recited: Tensor | None = None


@dataclass(frozen=True)
class CascadeOutput:
    """Attributes: logits (N, 1, H, W) at input size; levels, coarse to fine, those that ran."""

    logits: Tensor
    levels: tuple[LevelTrace, ...]
