"""What each optimisation of the CPU path is worth: a volume propagated as always, and with one thing done otherwise."""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from PatchICLLib.benchmark.contest import Job, Outcome, contest
from PatchICLLib.benchmark.volumes import PAINTED, painted_phantom
from PatchICLLib.cascade.trace import CascadeOutput
from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.metrics import dice
from PatchICLLib.propagation import gap_filling, painted_stack, propagator
from PatchICLLib.propagation.batch_limit import BatchLimit
from PatchICLLib.propagation.contexts import Contexts
from PatchICLLib.propagation.gap_filling import FilledSlice, GapFilling
from PatchICLLib.propagation.geodesic_vote import geodesic_vote
from PatchICLLib.propagation.painted_context import SIZES
from PatchICLLib.propagation.propagator import Propagator
from PatchICLLib.propagation.result import PropagationResult
from PatchICLLib.weights import Pretrained, load_weights

VOLUME = (60, 256, 256)  # slices, rows, columns
PRODUCT = "product"
_PRESET = "sparse"
_DEVICE = "cpu"


# ---- what can be done otherwise ----------------------------------------------------------------------------------


class _SingleSlices(BatchLimit):
    """Predicts slice by slice from the start, as where memory is short."""

    def __init__(self) -> None:
        super().__init__()
        self.reduced = True


class _ContextAnew(GapFilling):
    """Encodes the painted slices again for every batch, and shares nothing encoded with other gaps."""

    def batches(self) -> Iterator[list[FilledSlice]]:
        self.contexts = Contexts(self.model, self.device, self.volume)
        for batch in super().batches():
            yield batch
            self.contexts = Contexts(self.model, self.device, self.volume)


class _GuidesAnew(GapFilling):
    """Computes vote and motion for the whole gap again for every batch."""

    def batches(self) -> Iterator[list[FilledSlice]]:
        none_yet = self._guides
        for batch in super().batches():
            yield batch
            self._guides = none_yet


class _Within(nn.Module):
    """A cascade that works within a context of torch.

    Args:
        model: the cascade.
        context: makes the context, once for every call.
    """

    def __init__(self, model: Any, context: Callable[[], AbstractContextManager[Any]]) -> None:
        super().__init__()
        self.model, self.context = model, context
        self.configuration = model.configuration

    def encode_context(self, *arguments: Tensor) -> Any:
        with self.context():
            return self.model.encode_context(*arguments)

    def forward(self, *arguments: Any) -> CascadeOutput:
        with self.context():
            output: CascadeOutput = self.model(*arguments)
        return replace(output, logits=output.logits.detach())  # numpy takes nothing that has gradients


def _every_patch(model: Any) -> nn.Module:
    """The same weights, looking at all patches of target and context at every level, certain or not."""
    twin: Any = copy.copy(model)
    candidates = (SIZES[-1] // model.configuration.patch_stride) ** 2  # of the finest level; no other has more
    twin.configuration = replace(
        model.configuration, target_patches=(candidates,), context_patches=(candidates,), minimum_entropy=0.0
    )
    return twin


@contextmanager
def _swapped(module: ModuleType, name: str, other: object) -> Iterator[None]:
    """A module's attribute replaced for a while.

    The product has no setting for what nobody should want in it, so that a measurement reaches into its modules. In the
    process of its own that it has, nothing else notices.
    """
    kept = getattr(module, name)
    setattr(module, name, other)
    try:
        yield
    finally:
        setattr(module, name, kept)


@dataclass(frozen=True)
class Variant:
    """One thing done otherwise than in the product; as it stands, nothing.

    Attributes:
        model: makes the model that runs from the product's.
        swapped: a module, the name of one of its attributes, and what stands in its place.
        threads: of torch; None for as many as the product has.
        environment: variables that its process has otherwise.
    """

    model: Callable[[nn.Module], nn.Module] = lambda model: model
    swapped: tuple[ModuleType, str, object] | None = None
    threads: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def differs_with(self, threads: int) -> bool:
        """Whether it is another thing than the product where that has so many threads."""
        return threads > 1 or (self.threads is None and not self.environment)

    def propagate(self, pretrained: Pretrained, image: np.ndarray, painted: np.ndarray) -> PropagationResult:
        """Propagate as this variant does, with nothing remembered; arrays as for ``Propagator.propagate``."""
        engine = Propagator(replace(pretrained, model=self.model(pretrained.model)), torch.device(_DEVICE))
        with ExitStack() as stack:
            if self.swapped is not None:
                stack.enter_context(_swapped(*self.swapped))
            return engine.propagate(image, painted)


VARIANTS = {
    "one-slice-at-a-time": Variant(swapped=(propagator, "BatchLimit", _SingleSlices)),
    "context-anew": Variant(swapped=(propagator, "GapFilling", _ContextAnew)),
    "guides-anew": Variant(swapped=(propagator, "GapFilling", _GuidesAnew)),
    "every-patch": Variant(_every_patch),
    "two-sweeps": Variant(swapped=(painted_stack, "geodesic_vote", partial(geodesic_vote, sweeps=2))),
    "whole-resolution-vote": Variant(swapped=(gap_filling, "VOTE_SIZE", SIZES[-1])),
    "without-inference-mode": Variant(partial(_Within, context=partial(torch.inference_mode, False))),
    "bfloat16": Variant(partial(_Within, context=partial(torch.autocast, _DEVICE, torch.bfloat16))),
    "sleeping-threads": Variant(environment={"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}),
    "one-thread": Variant(threads=1),
}


# ---- measuring ---------------------------------------------------------------------------------------------------


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
