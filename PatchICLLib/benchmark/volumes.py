"""Whole volumes from painted slices to result: our engine beside UniverSeg slice by slice."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.benchmark.contest import Job, contest
from PatchICLLib.benchmark.models import benchmark_configuration
from PatchICLLib.benchmark.slices import now
from PatchICLLib.presets import build

PAINTED = 3
VOLUMES = ((60, 128, 128), (100, 256, 256), (300, 512, 512))  # slices, rows, columns


def phantom(shape: tuple[int, int, int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A bent vessel of varying width through all slices, in noise: image (K, J, I) int16, mask (K, J, I) bool."""
    depth, height, width = shape
    rng = np.random.default_rng(seed)
    rows, columns = np.arange(height)[:, None] / height, np.arange(width)[None] / width
    image, mask = np.empty(shape, np.int16), np.empty(shape, bool)
    for k, way in enumerate(np.linspace(0, 1, depth)):  # slice by slice: peak memory is measured in this process
        radius = 0.12 + 0.04 * np.sin(2 * np.pi * way)
        mask[k] = (rows - 0.5 - 0.08 * np.sin(np.pi * way)) ** 2 + (columns - 0.45 - 0.1 * way) ** 2 < radius**2
        image[k] = 40 + 110 * mask[k] + rng.normal(0, 25, (height, width))
    return image, mask


def painted_phantom(shape: tuple[int, int, int], count: int = PAINTED) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image, labels painted on ``count`` slices from the first to the last, and the whole mask."""
    image, mask = phantom(shape)
    painted = np.zeros(shape, np.uint8)
    for k in np.linspace(0, shape[0] - 1, count).round().astype(int):
        painted[k] = mask[k]
    return image, painted, mask


@dataclass(frozen=True)
class EngineJob:
    """A whole propagation, its first slice, and a second one after one wrong slice was drawn anew."""

    shape: tuple[int, int, int]
    weights: str | Path | None

    def __call__(self, device: torch.device) -> Callable[[], dict[str, float]]:
        from PatchICLLib.propagation.propagator import Propagator
        from PatchICLLib.weights import load_weights

        pretrained = load_weights(self.weights, None, device)
        image, painted, mask = painted_phantom(self.shape)
        corrected_slice = self.shape[0] // 4
        correction = mask[corrected_slice].copy()
        del mask

        def run() -> dict[str, float]:
            propagator = Propagator(pretrained, device)  # remembers nothing of earlier rounds
            seen: list[float] = []
            began = time.perf_counter()
            propagator.propagate(
                image,
                painted,
                progress=lambda progress: (
                    seen.append(time.perf_counter()) if progress.slice_index is not None else None
                ),
            )
            ended = time.perf_counter()
            painted[corrected_slice] = correction
            again_from = time.perf_counter()
            propagator.propagate(image, painted)
            again = time.perf_counter() - again_from
            painted[corrected_slice] = 0
            return {"volume": ended - began, "volume_first_slice": seen[0] - began, "volume_corrected": again}

        return run


@dataclass(frozen=True)
class UniverSegVolumeJob:
    """UniverSeg on some of a volume's slices, at their own size, with the painted slices as its support."""

    shape: tuple[int, int, int]
    sample: int

    def __call__(self, device: torch.device) -> Callable[[], dict[str, float]]:
        torch.manual_seed(0)
        model = build(benchmark_configuration("universeg")).to(device).eval()
        image, painted, _ = painted_phantom(self.shape)
        drawn = np.flatnonzero(painted.any((1, 2)))
        free = np.setdiff1d(np.arange(self.shape[0]), drawn)
        chosen = free[np.linspace(0, len(free) - 1, min(self.sample, len(free))).round().astype(int)]

        def run() -> dict[str, float]:
            with torch.inference_mode():
                began = now(device)
                context = model.encode_context(_tensor(image[drawn], device), _tensor(painted[drawn], device))  # type: ignore[operator]
                for k in chosen:
                    model(_tensor(image[k : k + 1], device), context)
                return {"slice": (now(device) - began) / len(chosen)}

        return run


def measure_volumes(
    shapes: Sequence[tuple[int, int, int]] = VOLUMES,
    *,
    device: str = "cpu",
    rounds: int = 3,
    sample: int = 2,
    threads: int | None = None,
    weights: str | Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[dict[str, Any]]:
    """Median seconds per volume with three painted slices, and peak memory.

    Args:
        shapes: slices, rows and columns of each volume; rows and columns alike and multiples of 8.
        device: torch device.
        rounds: that count, after one to warm up.
        sample: slices that UniverSeg really segments in each round; its time for the volume is the mean per slice times
            the number of slices, and such records say ``extrapolated``.
        threads: of torch on the CPU; None for its default.
        weights: of the engine; None for the bundled ones.
        progress: called with the number of finished volumes and their total.

    Returns:
        Records with model, resolution, slices, context, mode, seconds, all_seconds, peak_mib, device, threads, and
        extrapolated. Mode "volume" is the whole propagation, "volume_first_slice" until the first slice is there,
        "volume_corrected" a second propagation after one propagated slice was drawn anew.

    Raises:
        InputError: unknown weights or device.
        PatchICLError: a model failed.
    """
    records: list[dict[str, Any]] = []
    for number, shape in enumerate(shapes):
        progress(number, len(shapes))
        jobs: dict[str, Job] = {"sparse": EngineJob(shape, weights), "universeg": UniverSegVolumeJob(shape, sample)}
        outcomes = contest(jobs, rounds, device, threads)
        free = shape[0] - PAINTED
        common = {"resolution": shape[1], "slices": shape[0], "context": PAINTED}
        machine = {"device": device, "threads": threads or torch.get_num_threads()}
        ours, theirs = outcomes["sparse"], outcomes["universeg"]
        for mode, seconds in ours.seconds.items():
            records.append(
                {"model": "sparse", **common, "mode": mode, "seconds": ours.median(mode), "all_seconds": seconds}
                | {"peak_mib": ours.peak_mib, **machine, "extrapolated": False}
            )
        whole = [seconds * free for seconds in theirs.seconds["slice"]]
        records.append(
            {"model": "universeg", **common, "mode": "volume", "seconds": float(np.median(whole)), "all_seconds": whole}
            | {"peak_mib": theirs.peak_mib, **machine, "extrapolated": sample < free}
        )
    progress(len(shapes), len(shapes))
    return records


def _tensor(slices: np.ndarray, device: torch.device) -> torch.Tensor:
    return array_tensor(slices[None]).to(device)
