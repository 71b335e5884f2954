"""Exponential moving average of the weights: what is validated and shipped."""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class WeightAverage:
    """Average with decay ``min(decay, (1 + step) / (10 + step))``, so that early weights are forgotten soon."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights: dict[str, Tensor] = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        state = model.state_dict()
        moving = [name for name, value in state.items() if value.dtype.is_floating_point]
        get_ema_multi_avg_fn(decay)([self.weights[n] for n in moving], [state[n] for n in moving], step)
        for name in state.keys() - set(moving):
            self.weights[name].copy_(state[name])
