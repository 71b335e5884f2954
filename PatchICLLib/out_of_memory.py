"""Telling that memory ran out, on the computer or its GPU, and giving back what is held in vain. Imports no torch."""

from __future__ import annotations

import gc
import sys

_PHRASES = (
    "out of memory",  # CUDA, MPS
    "can't allocate memory",  # torch on the CPU
    "not enough memory",  # torch on the CPU, Windows
    "failed to allocate memory",  # ITK
    "bad_alloc",  # any C++ library
)


def is_out_of_memory(exception: BaseException) -> bool:
    """Whether ``exception`` says that memory ran out."""
    if isinstance(exception, MemoryError) or type(exception).__name__ == "OutOfMemoryError":
        return True
    return isinstance(exception, RuntimeError) and any(p in str(exception).lower() for p in _PHRASES)


def release_memory() -> None:
    """Give back what nothing refers to any more, and what torch keeps on the GPU for later."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
