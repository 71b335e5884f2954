"""What a worker says about itself when asked."""

import os
import platform
import sys
from typing import Any

import numpy as np

from PatchICLLib.version import __version__
from PatchICLLib.worker.jobs import Engine


def describe_worker(engine: Engine | None, busy: bool, device: str) -> dict[str, Any]:
    """State, engine, versions, process and memory, as plain JSON.

    Args:
        engine: None while it is loading.
        busy: whether a job runs or waits.
        device: as asked for; the engine knows what it became.
    """
    torch = sys.modules.get("torch")
    pretrained = getattr(engine, "pretrained", None)  # as a Propagator has; another engine need not
    return {
        "state": "starting" if engine is None else "busy" if busy else "idle",
        "device": str(getattr(engine, "device", device)),
        "weights": None if pretrained is None else pretrained.provenance(),
        "patchicl": __version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "pid": os.getpid(),
        "numpy": np.__version__,
        "torch": getattr(torch, "__version__", None),
        "memory": {"peak_bytes": peak_memory(), "gpu_peak_bytes": _gpu_peak_memory()},
    }


def peak_memory() -> int:
    """The most bytes of physical memory that this process has held until now."""
    if sys.platform == "win32":
        import ctypes
        from ctypes import wintypes

        class Counters(ctypes.Structure):  # PROCESS_MEMORY_COUNTERS of psapi.h
            _fields_ = [("cb", wintypes.DWORD), ("PageFaultCount", wintypes.DWORD)] + [
                (name, ctypes.c_size_t) for name in ("PeakWorkingSetSize", "WorkingSetSize", *"abcdef")
            ]

        counters = Counters(cb=ctypes.sizeof(Counters))
        kernel = ctypes.windll.kernel32
        kernel.GetCurrentProcess.restype = wintypes.HANDLE
        kernel.K32GetProcessMemoryInfo.argtypes = [wintypes.HANDLE, ctypes.POINTER(Counters), wintypes.DWORD]
        if not kernel.K32GetProcessMemoryInfo(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.cb):
            raise ctypes.WinError()
        return counters.PeakWorkingSetSize
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # bytes on macOS, kB elsewhere


def _gpu_peak_memory() -> int | None:
    """Bytes that torch has held at most on the CUDA device, or None without one in use."""
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    if cuda is None or not cuda.is_initialized():
        return None
    return int(cuda.max_memory_allocated())
