"""Largest memory of this process so far."""

from __future__ import annotations

import sys

import torch


def peak_mib(device: torch.device) -> float | None:
    """MiB at the highest point: memory of the whole process on the CPU, torch's allocations on a GPU.

    None on Windows, which keeps no such figure that Python can read.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
