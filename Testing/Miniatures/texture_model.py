"""A cascade that learns nothing and costs nothing: what it says follows from the texture of a slice alone."""

from typing import Any

import torch
from torch import Tensor

from PatchICLLib.cascade.trace import CascadeOutput


class TextureModel(torch.nn.Module):
    """Called like the cascades."""

    def encode_context(self, images: Tensor, masks: Tensor, positions: Tensor, given: Tensor | None = None) -> None:
        """Nothing is kept of painted slices."""

    def forward(self, images: Tensor, *_context: Any, **_options: Any) -> CascadeOutput:
        """Now inside, now outside, and sure of it: (N, 1, S, S) logits."""
        return CascadeOutput(8 * torch.sin(40 * images), ())
