"""Small tables that depend on sizes alone: made once on the device that uses them, not at every call."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Concatenate, ParamSpec

import torch
from torch import Tensor

_Sizes = ParamSpec("_Sizes")


def made_once(
    make: Callable[Concatenate[torch.device, _Sizes], Tensor],
) -> Callable[Concatenate[torch.device, _Sizes], Tensor]:
    """Remembers what a function of a device and of hashable sizes returns; nobody may change it.

    The tensors serve inference and training alike. On torch's meta device nothing is computed, and nothing remembered.
    """

    def made(device: torch.device, *sizes: _Sizes.args, **named: _Sizes.kwargs) -> Tensor:
        # a tensor that is made in inference mode could never take part in training again
        with torch.inference_mode(False), torch.no_grad():
            return make(device, *sizes, **named)

    remembered = lru_cache(maxsize=128)(made)

    @wraps(make)
    def once(device: torch.device, *sizes: _Sizes.args, **named: _Sizes.kwargs) -> Tensor:
        return (made if device.type == "meta" else remembered)(device, *sizes, **named)  # type: ignore[arg-type]

    return once
