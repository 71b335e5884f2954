"""Targets at one level of the `sparse` cascade; their context there is a `ContextLevel`."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class TargetLevel:
    """What a level of the `sparse` cascade sees of N targets, beside their context.

    Attributes:
        target: (N, 1, S, S).
        before: (N, 1, S, S) logits so far.
        guidance: (N, hint_channels.CHANNELS, S, S).
        places: (N, 3) what is added to rows and columns, and the place along the third axis.
        conditions: of the level's resolution for the encoder.
        resolution: (d,) added to all tokens.
        gains: (N, 1, 2) of the early and the late read-out.
    """

    target: Tensor
    before: Tensor
    guidance: Tensor
    places: Tensor
    conditions: tuple[Tensor, ...]
    resolution: Tensor
    gains: Tensor
