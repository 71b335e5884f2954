"""Exponential moving average of the weights: what is validated and shipped."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WeightAverage:
    """Average with decay ``min(decay, (1 + step) / (10 + step))``, so that early weights are forgotten soon."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights: dict[str, Tensor] = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in model.state_dict().items():
            if value.dtype.is_floating_point:
                self.weights[name].lerp_(value, 1 - decay)
            else:
                self.weights[name].copy_(value)
