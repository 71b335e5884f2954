"""Seconds and memory of one target slice, models side by side."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from PatchICLLib.benchmark.contest import Job, Outcome, contest
from PatchICLLib.benchmark.models import benchmark_configuration, check_models, example
from PatchICLLib.benchmark.scans import PAINTED, Scan
from PatchICLLib.presets import Configuration, build

CONTEXT = 3
_MOST_ROUNDS, _ENOUGH = 5, 2.0  # rounds at one size, and the seconds after which there are no more
_START = 6.0  # seconds until a process has started, on a machine that has other work
_PIXELS_COST = 1.5  # a size with n times the pixels takes up to so many times n as long


@dataclass(frozen=True)
class SliceJob:
    """A first slice (context encoded) and a further one, with an untrained model, whose cascade never stops early.

    Sizes ascend; one that would not be done by ``until`` (as ``time.time`` counts) is left out.
    """

    configuration: Configuration
    sizes: tuple[int, ...]
    until: float

    def __call__(self, device: torch.device) -> Callable[[], dict[str, float]]:
        torch.manual_seed(0)
        model = build(self.configuration).to(device).eval()

        def measured(size: int) -> tuple[float, float]:
            target, images, masks = example(size, CONTEXT, device)
            with torch.inference_mode():
                began = now(device)
                encoded = model.encode_context(images, masks)  # type: ignore[operator]
                between = now(device)
                model(target, encoded)
                ended = now(device)
            return ended - began, ended - between

        def run() -> dict[str, float]:
            found: dict[str, float] = {}
            measured(self.sizes[0])  # to warm up
            longest, before = 0.0, self.sizes[0]
            for size in self.sizes:
                if time.time() + longest * _PIXELS_COST * (size / before) ** 2 > self.until:
                    break
                rounds, began = [measured(size)], time.time()
                while len(rounds) < _MOST_ROUNDS and time.time() - began + rounds[0][0] < _ENOUGH:
                    rounds.append(measured(size))
                first, further = np.median(rounds, axis=0).tolist()
                found |= {f"{size} first": first, f"{size} further": further}
                longest, before = first, size
            return found

        return run


def measure_slices(
    models: Sequence[str],
    sizes: Sequence[int],
    *,
    until: float,
    device: str = "cpu",
    threads: int | None = None,
    weights: str | Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[dict[str, Any]]:
    """Median seconds per slice with three context images, and peak memory; one model after another.

    Args:
        models: some of universeg, paper, sparse.
        sizes: sides of the images in pixels.
        until: when to be done, as ``time.time`` counts: sizes that would take longer are left out.
        device: torch device.
        threads: of torch on the CPU; None for its default.
        weights: whose configuration is timed, for the model that they are made for.
        progress: called with the number of finished models and their total.

    Returns:
        Records with model, resolution, context, mode (first, further), seconds, peak_mib (of all sizes up to the
        model's largest), device, threads. Seconds are None for what was left out.

    Raises:
        InputError: unknown model, weights or device.
        PatchICLError: a model failed.
    """
    check_models(tuple(models))
    jobs: dict[str, Job] = {
        name: SliceJob(benchmark_configuration(name, weights), tuple(sorted(sizes)), until) for name in models
    }
    in_vain = time.time() + _START * len(jobs) >= until
    outcomes = {} if in_vain else contest(jobs, 1, device, threads, warm_up=0, progress=progress)
    none = Outcome({}, None)
    return [
        {
            "model": name,
            "resolution": size,
            "context": CONTEXT,
            "mode": mode,
            "seconds": outcomes.get(name, none).seconds.get(f"{size} {mode}", [None])[0],
            "peak_mib": outcomes.get(name, none).peak_mib,
            "device": device,
            "threads": threads or torch.get_num_threads(),
        }
        for name in models
        for size in sorted(sizes)
        for mode in ("first", "further")
    ]


def extrapolated(scans: Sequence[Scan], records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Records of scans of one structure, slice by slice with UniverSeg: a slice's seconds times the unpainted slices.

    Args:
        scans: any.
        records: of ``measure_slices``.
    """
    seconds = {
        record["resolution"]: record
        for record in records
        if (record["model"], record["mode"]) == ("universeg", "further") and record["seconds"] is not None
    }
    return [
        seconds[scan.shape[1]]
        | {"mode": "extrapolated", "scan": scan.name, "slices": scan.shape[0], "labels": 1}
        | {"seconds": seconds[scan.shape[1]]["seconds"] * (scan.shape[0] - PAINTED)}
        for scan in scans
        if scan.labels == 1 and scan.shape[1] in seconds
    ]


def now(device: torch.device) -> float:
    """Seconds of a clock, once the device has finished what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter()
