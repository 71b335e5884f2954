"""Seconds and memory of one target slice, models side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from PatchICLLib.benchmark.contest import Job, contest
from PatchICLLib.benchmark.models import benchmark_configuration, check_models, example
from PatchICLLib.presets import Configuration, build


@dataclass(frozen=True)
class SliceJob:
    """A first slice (context encoded) and a further one, with an untrained model, whose cascade never stops early."""

    configuration: Configuration
    resolution: int
    context: int

    def __call__(self, device: torch.device) -> Callable[[], dict[str, float]]:
        torch.manual_seed(0)
        model = build(self.configuration).to(device).eval()
        target, images, masks = example(self.resolution, self.context, device)

        def run() -> dict[str, float]:
            with torch.inference_mode():
                began = now(device)
                encoded = model.encode_context(images, masks)  # type: ignore[operator]
                between = now(device)
                model(target, encoded)
                ended = now(device)
            return {"first": ended - began, "further": ended - between}

        return run


def measure_slices(
    models: Sequence[str],
    resolutions: Sequence[int],
    contexts: Sequence[int],
    *,
    device: str = "cpu",
    rounds: int = 5,
    threads: int | None = None,
    weights: str | Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[dict[str, Any]]:
    """Median seconds per slice and peak memory.

    Args:
        models: some of universeg, paper, sparse.
        resolutions: sides of the images in pixels.
        contexts: numbers of context images.
        device: torch device.
        rounds: that count, after one to warm up.
        threads: of torch on the CPU; None for its default.
        weights: whose configuration is timed, for the model that they are made for.
        progress: called with the number of finished cases and their total.

    Returns:
        Records with model, resolution, context, mode (first, further), seconds, all_seconds, peak_mib, device, threads.

    Raises:
        InputError: unknown model, weights or device.
        PatchICLError: a model failed.
    """
    check_models(tuple(models))
    cases = [(resolution, context) for resolution in resolutions for context in contexts]
    records: list[dict[str, Any]] = []
    for number, (resolution, context) in enumerate(cases):
        progress(number, len(cases))
        jobs: dict[str, Job] = {
            name: SliceJob(benchmark_configuration(name, weights), resolution, context) for name in models
        }
        for name, outcome in contest(jobs, rounds, device, threads).items():
            for mode in ("first", "further"):
                records.append(
                    {
                        "model": name,
                        "resolution": resolution,
                        "context": context,
                        "mode": mode,
                        "seconds": outcome.median(mode),
                        "all_seconds": outcome.seconds[mode],
                        "peak_mib": outcome.peak_mib,
                        "device": device,
                        "threads": threads or torch.get_num_threads(),
                    }
                )
    progress(len(cases), len(cases))
    return records


def now(device: torch.device) -> float:
    """Seconds of a clock, once the device has finished what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter()
