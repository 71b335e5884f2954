"""Largest memory of this process so far."""

import sys
from pathlib import Path

import torch


def reset_peak(device: torch.device) -> None:
    """Forget the highest point so far, where that can be done: on CUDA, and for Linux' processes."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_mib(device: torch.device) -> float | None:
    """MiB at the highest point: memory of the whole process on the CPU, torch's allocations on a GPU.

    None on Windows, where Python cannot read that figure.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if sys.platform == "win32":
        return None
    if sys.platform == "linux":  # getrusage would count the parent's memory before the start of this program as well
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 2**10
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
