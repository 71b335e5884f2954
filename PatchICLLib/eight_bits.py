"""Numbers of weights in fewer bits: half precision, or 8 bits where it is matrices and convolutions.

In 8 bits these are whole numbers from -127 to 127 and a scale for each output channel (symmetric quantization), two
tensors ``NAME`` and ``NAME.scale``; all else is in half precision.
"""

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from PatchICLLib.errors import InputError

ALL_BITS = (32, 16, 8)
_MOST = 127
_SCALE = ".scale"


def check_bits(bits: int) -> None:
    """Raises InputError unless numbers can be stored in so many bits."""
    if bits not in ALL_BITS:
        raise InputError(f"Numbers are stored in 32, 16, or 8 bits, not in {bits}.")


def coded(model: nn.Module, bits: int) -> dict[str, Tensor]:
    """What is stored of a model, on the CPU, by the names of its tensors.

    Args:
        model: any; matrices and convolutions are modules of torch.
        bits: of a number, one of `ALL_BITS`; 32 leaves all numbers as they are.
    """
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    if bits == 32:
        return state
    channels = {
        f"{name}.weight": 1 if isinstance(module, _ConvTransposeNd) else 0  # axis of output channels
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | _ConvNd)
    }
    stored: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if bits == 8 and name in channels:
            stored[name], stored[name + _SCALE] = _in_eight_bits(tensor.float(), channels[name])
        else:
            stored[name] = tensor.half()
    return stored


def _in_eight_bits(weight: Tensor, channels: int) -> tuple[Tensor, Tensor]:
    """Whole numbers and their scales, which broadcast; `channels` is the axis of output channels."""
    others = [axis for axis in range(weight.ndim) if axis != channels]
    scale = weight.abs().amax(others, keepdim=True) / _MOST
    scale = torch.where(scale > 0, scale, 1.0)
    return (weight / scale).round().clamp(-_MOST, _MOST).to(torch.int8), scale


def decoded(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """Numbers of 8 bits times their scales, in single precision; all other tensors as they are."""
    scales = {
        name: scale
        for name, tensor in stored.items()
        if tensor.dtype == torch.int8 and (scale := stored.get(name + _SCALE)) is not None and _fits(scale, tensor)
    }
    others = {name: tensor for name, tensor in stored.items() if name.removesuffix(_SCALE) not in scales}
    return others | {name: stored[name] * scale for name, scale in scales.items()}


def _fits(scale: Tensor, tensor: Tensor) -> bool:
    return (
        scale.dtype == torch.float32
        and scale.ndim == tensor.ndim
        and all(one in (1, size) for one, size in zip(scale.shape, tensor.shape, strict=True))
    )
