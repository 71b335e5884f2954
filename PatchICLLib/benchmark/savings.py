"""What each optimisation of the CPU path is worth: a volume propagated as always, and with one thing done otherwise."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from PatchICLLib.benchmark.contest import Job, Outcome, contest
from PatchICLLib.benchmark.scans import PAINTED, painted_phantom
from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.metrics import dice
from PatchICLLib.evaluation.variants import VARIANTS, Variant
from PatchICLLib.weights import load_weights

VOLUME = (60, 256, 256)  # slices, rows, columns
PRODUCT = "product"
_PRESET = "sparse"
_DEVICE = "cpu"


@dataclass(frozen=True)
class VariantJob:
    """A whole propagation by a variant, or by the product; leaves the labels in a folder.

    Attributes:
        shape: slices, rows and columns of the volume.
        variant: name of the variant, or PRODUCT.
        weights: as for ``load_weights``.
        folder: where ``VARIANT.npy`` is written, (K, J, I) as painted, after the time was taken.
    """

    shape: tuple[int, int, int]
    variant: str
    weights: str | Path | None
    folder: Path

    def __call__(self, device: torch.device) -> Callable[[], dict[str, float]]:
        variant = VARIANTS.get(self.variant, Variant())
        if variant.threads is not None:
            torch.set_num_threads(variant.threads)
        pretrained = load_weights(self.weights, _PRESET, device)
        image, painted, _ = painted_phantom(self.shape)

        def run() -> dict[str, float]:
            began = time.perf_counter()
            result = variant.propagate(pretrained, image, painted)
            seconds = time.perf_counter() - began
            np.save(self.folder / f"{self.variant}.npy", result.labels)
            return {"volume": seconds}

        return run


def measure_savings(
    shape: tuple[int, int, int] = VOLUME,
    variants: Sequence[str] | None = None,
    *,
    rounds: int = 5,
    threads: int | None = None,
    weights: str | Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[dict[str, Any]]:
    """Median seconds of a volume with three painted slices, by the product and by each variant, and how labels differ.

    Args:
        shape: slices, rows and columns of the volume; rows and columns alike and multiples of 8.
        variants: some of VARIANTS; None for all that differ from the product on this machine.
        rounds: that count, after one to warm up.
        threads: of torch on the CPU; None for its default.
        weights: of the engine, of the preset sparse; None for the bundled ones.
        progress: called with the number of finished propagations and their total.

    Returns:
        Records of the product and of each variant, with model, resolution, slices, context, mode, seconds, all_seconds,
        peak_mib, device, threads, variant, ratio (of the seconds to the product's), and, over the slices that were not
        painted, labels_changed (share of the voxels that are labelled otherwise than by the product), dice_to_product
        and dice (with the mask that the volume was made from).

    Raises:
        InputError: unknown variant or weights.
        PatchICLError: a variant failed.
    """
    common_threads = threads or torch.get_num_threads()
    names = [PRODUCT, *_chosen(variants, common_threads)]
    load_weights(weights, _PRESET)  # wrong ones are told before any process starts
    with tempfile.TemporaryDirectory() as folder:
        jobs: dict[str, Job] = {name: VariantJob(shape, name, weights, Path(folder)) for name in names}
        environments = {name: VARIANTS[name].environment for name in names if name in VARIANTS}
        outcomes = contest(jobs, rounds, _DEVICE, threads, progress=progress, environments=environments)
        labels = {name: np.load(Path(folder) / f"{name}.npy") > 0 for name in names}
    _, painted, mask = painted_phantom(shape)
    judged = np.all(painted == 0, axis=(1, 2))
    return [
        {
            "model": _PRESET,
            "resolution": shape[1],
            "slices": shape[0],
            "context": PAINTED,
            "mode": "volume",
            **_times(outcomes[name], outcomes[PRODUCT]),
            "device": _DEVICE,
            "threads": VARIANTS.get(name, Variant()).threads or common_threads,
            "variant": name,
            "labels_changed": float((labels[name] != labels[PRODUCT])[judged].mean()),
            "dice_to_product": dice(labels[PRODUCT], labels[name], judged),
            "dice": dice(mask, labels[name], judged),
        }
        for name in names
    ]


def _times(outcome: Outcome, product: Outcome) -> dict[str, Any]:
    return {
        "seconds": outcome.median("volume"),
        "all_seconds": outcome.seconds["volume"],
        "ratio": outcome.median("volume") / product.median("volume"),
        "peak_mib": outcome.peak_mib,
    }


def _chosen(names: Sequence[str] | None, threads: int) -> list[str]:
    """Variants to measure, each once; those that would be the product itself are none."""
    possible = [name for name, variant in VARIANTS.items() if variant.differs_with(threads)]
    chosen = possible if names is None else list(dict.fromkeys(names))
    unknown = [name for name in chosen if name not in possible]
    if unknown or not chosen:
        raise InputError(
            f"With {threads} thread{'s' if threads > 1 else ''}, variants must be some of {', '.join(possible)}, but "
            f"are {', '.join(chosen) or 'none'}."
        )
    return chosen
