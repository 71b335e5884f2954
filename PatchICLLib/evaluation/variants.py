"""The product's propagation with one thing done otherwise, to see what that costs in time and in accuracy."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from PatchICLLib.cascade.trace import CascadeOutput
from PatchICLLib.hints import painted_runs
from PatchICLLib.hints.geodesic_vote import geodesic_vote
from PatchICLLib.hints.painted_runs import Guides
from PatchICLLib.hints.painted_stacks import PaintedStacks
from PatchICLLib.propagation import course, filling, painted_context
from PatchICLLib.propagation.batch_limit import BatchLimit
from PatchICLLib.propagation.contexts import Contexts
from PatchICLLib.propagation.gap_filling import ContextKey, Portion
from PatchICLLib.propagation.guidance import Guidance
from PatchICLLib.propagation.painted_context import FINE_SIZES, SIZES
from PatchICLLib.propagation.patch_budget import for_propagation
from PatchICLLib.propagation.propagator import Propagator
from PatchICLLib.propagation.refinement import gap_refinement
from PatchICLLib.propagation.refinement.across_slices import AcrossSlices
from PatchICLLib.propagation.refinement.outlines import Outlines
from PatchICLLib.propagation.result.filled_slices import FilledSlices
from PatchICLLib.propagation.result.propagation_result import PropagationResult
from PatchICLLib.weights import Pretrained

_DEVICE = "cpu"


class _SingleSlices(BatchLimit):
    """Predicts slice by slice from the start, as where memory is short."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 1


class _ContextAnew(Contexts):
    """Encodes the painted slices again for every batch."""

    def joined(self, keys: Sequence[ContextKey]) -> tuple[Any, PaintedStacks]:
        return Contexts(self.model, self.device, self.volume).joined(keys)


class _GuidesAnew(Guidance):
    """Computes vote and motion for the whole gap again for every batch."""

    def of(self, portions: Sequence[Portion]) -> Guides:
        found = super().of(portions)
        for portion in portions:
            self.forget(portion.filling.number)
        return found


class _SlicesAsTheyCome(AcrossSlices):
    """Averages nothing."""

    def add(self, filled: FilledSlices) -> list[FilledSlices]:
        return [filled]


class NothingDrawn(Outlines):
    """Outlines that say nothing."""

    def of(self, filled: FilledSlices) -> FilledSlices:
        return filled


class _Within(nn.Module):
    """A cascade that works within a context of torch.

    Args:
        model: the cascade.
        context: makes the context, once for every call.
    """

    def __init__(self, model: Any, context: Callable[[], AbstractContextManager[Any]]) -> None:
        super().__init__()
        self.model: Any = for_propagation(model)
        self.configuration, self.context = self.model.configuration, context

    def encode_context(self, *arguments: Tensor, **named: Any) -> Any:
        with self.context():
            return self.model.encode_context(*arguments, **named)

    def forward(self, *arguments: Any, **named: Any) -> CascadeOutput:
        with self.context():
            output: CascadeOutput = self.model(*arguments, **named)
        return replace(output, logits=output.logits.detach())  # numpy takes nothing that has gradients


def _every_patch(model: Any) -> nn.Module:
    """The same weights, looking at all patches of target and context at every level, certain or not."""
    twin: Any = copy.copy(model)
    candidates = (FINE_SIZES[-1] // model.configuration.patch_stride) ** 2  # of the finest level; no other has more
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

    def propagate(
        self, pretrained: Pretrained, image: np.ndarray, painted: np.ndarray, *spacing: Any, **options: Any
    ) -> PropagationResult:
        """Propagate as this variant does, on the CPU, with nothing remembered; arguments as for ``Propagator``."""
        engine = Propagator(replace(pretrained, model=self.model(pretrained.model)), torch.device(_DEVICE))
        with ExitStack() as stack:
            if self.swapped is not None:
                stack.enter_context(_swapped(*self.swapped))
            return engine.propagate(image, painted, *spacing, **options)


@dataclass(frozen=True)
class VariantEngine:
    """Propagates like a ``Propagator``, as a variant does."""

    variant: Variant
    pretrained: Pretrained

    def propagate(
        self, image: np.ndarray, painted: np.ndarray, spacing: tuple[float, float, float], **options: Any
    ) -> PropagationResult:
        return self.variant.propagate(self.pretrained, image, painted, spacing, **options)


VARIANTS = {
    "one-slice-at-a-time": Variant(swapped=(filling, "BatchLimit", _SingleSlices)),
    "context-anew": Variant(swapped=(course, "Contexts", _ContextAnew)),
    "guides-anew": Variant(swapped=(course, "Guidance", _GuidesAnew)),
    "every-patch": Variant(_every_patch),
    "two-sweeps": Variant(swapped=(painted_runs, "geodesic_vote", partial(geodesic_vote, sweeps=2))),
    "whole-resolution-vote": Variant(swapped=(painted_context, "VOTE_SIZE", SIZES[-1])),
    "without-averaging": Variant(swapped=(gap_refinement, "AcrossSlices", _SlicesAsTheyCome)),
    "without-outlines": Variant(swapped=(gap_refinement, "Outlines", NothingDrawn)),
    "without-inference-mode": Variant(partial(_Within, context=partial(torch.inference_mode, False))),
    "bfloat16": Variant(partial(_Within, context=partial(torch.autocast, _DEVICE, torch.bfloat16))),
    "sleeping-threads": Variant(environment={"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}),
    "one-thread": Variant(threads=1),
}
