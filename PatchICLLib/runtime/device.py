"""Where to compute."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from PatchICLLib.errors import InputError

_USUAL_MEMORY = 8 * 2**30  # of a card that does not tell


def resolve_device(name: str = "auto") -> torch.device:
    """The torch device for a name.

    Args:
        name: "auto" (CUDA, else MPS, else CPU), "cpu", "cuda", "cuda:N" or "mps".

    Raises:
        InputError: unknown name, or a device that this machine does not have.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    kind, _, number = name.partition(":")
    if name not in ("cpu", "cuda", "mps") and not (kind == "cuda" and number.isascii() and number.isdigit()):
        raise InputError(f"The device must be auto, cpu, cuda, cuda:N or mps, but it is {name!r}.")
    if (kind == "cuda" and not cuda) or (kind == "mps" and not mps):
        raise InputError(f"This machine (or this build of torch) has no {kind} device; use the device auto or cpu.")
    if number and int(number) >= torch.cuda.device_count():
        raise InputError(f"This machine has {torch.cuda.device_count()} CUDA devices, so there is no {name}.")
    return torch.device(name)


def inference_precision(device: torch.device) -> AbstractContextManager[Any]:
    """Arithmetic for inference, as a context: half precision on CUDA (bfloat16 where the card has it), else full.

    Other devices stay at full precision, so that results on a CPU do not depend on its instruction set.
    """
    if device.type != "cuda":
        return nullcontext()
    return torch.autocast("cuda", torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16)


def card_memory(device: torch.device) -> int:
    """Bytes of memory that a graphics card has, used or not: what depends on it is the same in every run."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return int(torch.mps.recommended_max_memory()) if device.type == "mps" else _USUAL_MEMORY


def full_precision(device: torch.device) -> AbstractContextManager[Any]:
    """Within ``inference_precision`` or another autocast: a context for what must not be rounded to half precision."""
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)


def values_are_at_hand(device: torch.device) -> bool:
    """Whether a tensor's values can be asked for at no cost; any other device must first finish what it is doing."""
    return device.type == "cpu"
