"""Telling that memory ran out, on the computer or its GPU, and giving back what is held in vain. Imports no torch."""

import gc
import sys

_PHRASES = (
    "out of memory",  # CUDA, MPS
    "can't allocate memory",  # torch on the CPU
    "not enough memory",  # torch on the CPU, Windows
    "failed to allocate memory",  # ITK
    "bad_alloc",  # any C++ library
    "could not create a primitive",  # oneDNN, without any reason but this
)


def is_out_of_memory(exception: BaseException) -> bool:
    """Whether ``exception`` says that memory ran out."""
    if isinstance(exception, MemoryError) or type(exception).__name__ == "OutOfMemoryError":
        return True
    said = str(exception).lower().replace("could not create a primitive descriptor", "")  # which is a wrong argument
    return isinstance(exception, RuntimeError) and any(phrase in said for phrase in _PHRASES)


def release_memory() -> None:
    """Give back what nothing refers to any more, and what torch keeps on the GPU for later."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
