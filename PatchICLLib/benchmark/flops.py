"""Counts floating point operations by torch's own counter, with attention included and without waiting for results."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.flop_counter import FlopCounterMode

_aten = torch.ops.aten
_PRODUCTS = {_aten.convolution, _aten.convolution_backward, _aten.mm, _aten.addmm, _aten.bmm, _aten.baddbmm}


def count_flops(function: Callable[[], object], compute: bool = False, gradients: bool = False) -> int:
    """Floating point operations of a call, one multiplication and one addition counted as two.

    Attention runs by the plain kernel, because the fused ones of the CPU are invisible to the counter.

    Args:
        function: what to count; runs in inference mode unless it needs gradients.
        compute: whether matrix products and convolutions are really computed. If not, their results are zeros of the
            right shape: the count is the same as long as the work does not depend on values, and at 1024 x 1024 it
            takes seconds instead of minutes. A cascade that may stop early stays undecided on zeros and does its
            full work.
        gradients: keep what a backward pass within the function needs.
    """
    counter = FlopCounterMode(display=False)
    with nullcontext() if gradients else torch.inference_mode(), sdpa_kernel(SDPBackend.MATH):
        if compute:
            with counter:
                function()
        else:
            with _ZeroProducts(), counter:
                function()
    return counter.get_total_flops()


class _ZeroProducts(TorchDispatchMode):
    """Replaces the results of matrix products and convolutions by zeros."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket not in _PRODUCTS:
            return func(*args, **(kwargs or {}))
        device = next(argument.device for argument in args if isinstance(argument, Tensor))
        shapes = tree_map_only(Tensor, lambda tensor: tensor.to("meta"), (args, kwargs or {}))
        return tree_map_only(
            Tensor, lambda tensor: torch.zeros_like(tensor, device=device), func(*shapes[0], **shapes[1])
        )
