"""What each hint is worth: the network with hints taken away, and the hints without the network."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from PatchICLLib.cascade.hint_channels import Hints
from PatchICLLib.cascade.trace import CascadeOutput

HINTS = ("shape", "vote", "neighbours")


class WithoutHints(nn.Module):
    """A cascade that some hints are kept from, as in training with dropped hints.

    Args:
        model: the cascade.
        missing: names of hints among ``HINTS``.
    """

    def __init__(self, model: Any, missing: Collection[str]) -> None:
        super().__init__()
        self.model, self.missing = model, tuple(missing)
        self.configuration = model.configuration

    def encode_context(self, *arguments: Any, **named: Any) -> Any:
        return self.model.encode_context(*arguments, **named)

    def forward(
        self, target: Tensor, context: Any, hints: Hints | None, positions: Tensor | None, **named: Any
    ) -> CascadeOutput:
        if hints is not None:
            absent = {f"{name}_given": torch.zeros_like(getattr(hints, f"{name}_given")) for name in self.missing}
            hints = replace(hints, **absent)
        output: CascadeOutput = self.model(target, context, hints, positions, **named)
        return output


class HintAlone(nn.Module):
    """No network: a hint's own mask.

    Args:
        hint: "shape", the painted shapes carried along with the picture, or "vote", the image-aware vote.
        gain: largest logit; so large that the hint's mask stays as it is where the product averages slices, or fills
            those that came out empty.
    """

    def __init__(self, hint: str, gain: float = 20.0) -> None:
        super().__init__()
        self.hint, self.gain = hint, gain
        self.configuration = None

    def encode_context(self, *_: Any, **__: Any) -> None:
        return None

    def forward(self, target: Tensor, context: None, hints: Hints, positions: Tensor | None, **_: Any) -> CascadeOutput:
        field = hints.shape[:, :1] / 4 if self.hint == "shape" else hints.vote[:, :1]
        return CascadeOutput(self.gain * field, ())
