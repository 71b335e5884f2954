"""What a propagation can be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PatchICLLib.errors import InputError
from PatchICLLib.propagation.painted_slices import Declared

OUTPUTS = frozenset({"probability", "entropy", "selections"})


@dataclass(frozen=True)
class PropagationOptions:
    """Options of ``Propagator.propagate``; checked when made.

    Attributes:
        axis: slicing axis, 0 for k, 1 for j, 2 for i; None to find it.
        painted_slices: slices that count as painted though they are empty, for all labels or per label.
        labels: labels to propagate; None for all.
        extent: "auto" (the model finds where a structure ends), "painted" (between the outermost painted slices),
            or first and last slice.
        context_size: most painted slices that a slice learns from; None for 5.
        prior: start from an interpolation between the painted slices; False for pure in-context use.
        seed: of any random choice.
        outputs: which of probability, entropy and selections to return.
    """

    axis: int | None = None
    painted_slices: Declared = None
    labels: Sequence[int] | None = None
    extent: str | tuple[int, int] = "auto"
    context_size: int | None = None
    prior: bool = True
    seed: int = 0
    outputs: frozenset[str] = OUTPUTS

    def __post_init__(self) -> None:
        if self.axis not in (None, 0, 1, 2):
            raise InputError(f"The axis must be 0 (k), 1 (j), 2 (i) or None, but it is {self.axis!r}.")
        if self.context_size is not None and self.context_size < 1:
            raise InputError(f"The context size must be at least 1, but it is {self.context_size}.")
        if isinstance(self.extent, str):
            if self.extent not in ("auto", "painted"):
                raise InputError(f"The extent must be auto, painted, or first and last slice, not {self.extent!r}.")
        elif len(self.extent) != 2 or not 0 <= self.extent[0] <= self.extent[1]:
            raise InputError(f"The extent must be a first and a last slice in order, but it is {self.extent!r}.")
        unknown = set(self.outputs) - OUTPUTS
        if unknown:
            raise InputError(f"Outputs are among {', '.join(sorted(OUTPUTS))}, not {', '.join(sorted(unknown))}.")
