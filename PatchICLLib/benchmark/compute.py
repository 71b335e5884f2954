"""Floating point operations of one target slice, for every model, resolution and number of context images."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from PatchICLLib.benchmark.flops import count_flops
from PatchICLLib.benchmark.models import benchmark_configuration, check_models, example
from PatchICLLib.presets import build

RESOLUTIONS = (128, 256, 512, 1024)
CONTEXTS = (1, 3, 5)
PUBLISHED = {"universeg": 549.0, "paper": 308.0}  # GFLOPs (paper, section 4.2) at
PUBLISHED_SIDE, PUBLISHED_CONTEXT = 512, 3  # pixels a side and context images


def measure_compute(
    models: Sequence[str],
    resolutions: Sequence[int] = RESOLUTIONS,
    contexts: Sequence[int] = CONTEXTS,
    weights: str | Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[dict[str, Any]]:
    """GFLOPs per target slice.

    Args:
        models: some of universeg, paper, sparse.
        resolutions: sides of the images in pixels.
        contexts: numbers of context images.
        weights: whose configuration is counted, for the model that they are made for.
        progress: called with the number of finished cases and their total.

    Returns:
        Two records per case, with model, resolution, context, mode, gflops and device. Mode "first" is a slice with its
        context, "further" one more slice with the context at hand. Every cascade does its full work: none stops early.

    Raises:
        InputError: unknown model or weights, or a resolution that a model cannot take.
    """
    check_models(tuple(models))
    records: list[dict[str, Any]] = []
    total = len(models) * len(resolutions) * len(contexts)
    for name in models:
        # where no value decides what is done, shapes suffice: no memory for maps of 1024 x 1024
        device = "meta" if name == "universeg" else "cpu"
        with torch.device(device):
            model = build(benchmark_configuration(name, weights)).eval()
        for resolution in resolutions:
            for context in contexts:
                operations = slice_flops(model, resolution, context, device)
                for mode, count in zip(("first", "further"), operations, strict=True):
                    records.append(
                        {
                            "model": name,
                            "resolution": resolution,
                            "context": context,
                            "mode": mode,
                            "gflops": count / 1e9,
                            "device": "any",
                        }
                    )
                progress(len(records) // 2, total)
    return records


def slice_flops(
    model: torch.nn.Module, resolution: int, context: int, device: str = "cpu", compute: bool = False
) -> tuple[int, int]:
    """Operations of a first slice and of a further slice.

    Args:
        model: in evaluation mode.
        resolution: side of the images in pixels.
        context: number of context images.
        device: of the model.
        compute: see ``count_flops``.
    """
    target, images, masks = example(resolution, context, device)
    encoded: list[Any] = []
    ahead = count_flops(lambda: encoded.append(model.encode_context(images, masks)), compute)  # type: ignore[operator]
    further = count_flops(lambda: model(target, encoded[0]), compute)
    return ahead + further, further
