"""How much a prediction draws on each context patch: the weights of the mask read-out, for people who want to look."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import numpy as np
import torch
from torch import Tensor

from PatchICLLib.cascade.readout import MaskReadout
from PatchICLLib.cascade.trace import LevelTrace


class ContextShares:
    """Within ``with``, listens to the read-out after attention of a cascade; a model without one gives nothing.

    Args:
        model: called once within the context.
        numbers: samples of the batch that are of interest.
    """

    def __init__(self, model: torch.nn.Module, numbers: Sequence[int]) -> None:
        readout = getattr(model, "late_readout", None)
        self._readout = readout if isinstance(readout, MaskReadout) and numbers else None
        self._numbers = list(numbers)
        self._weights: list[dict[int, Tensor]] = []  # level by level, of each sample (tokens, context tokens)

    def __enter__(self) -> Self:
        if self._readout is not None:
            self._readout.read = self._listen  # type: ignore[method-assign]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._readout is not None:
            del self._readout.read  # the method of the class again

    def _listen(self, features: Tensor, positions: Tensor, keys: Tensor, blocks: Tensor) -> Tensor:
        assert self._readout is not None
        targets = len(features) // len(keys)  # of each set of the context
        self._weights.append(
            {n: self._readout.weights(features[n], positions[n], keys[n // targets]) for n in self._numbers}
        )
        return MaskReadout.read(self._readout, features, positions, keys, blocks)

    def of(self, number: int, levels: Sequence[LevelTrace]) -> list[np.ndarray | None]:
        """For each level of the trace, the share of each context patch, image by image; they add up to 1."""
        if not self._weights:
            return [None] * len(levels)
        return [
            self._share(weights[number], level, number) for weights, level in zip(self._weights, levels, strict=False)
        ]

    @staticmethod
    def _share(weights: Tensor, level: LevelTrace, number: int) -> np.ndarray:
        used = level.selection.valid[number]
        of_patches = weights.reshape(len(used), -1, weights.shape[-1])[used].mean((0, 1))  # over the patches' tokens
        patches = level.context.shape[1] * level.context.shape[2]
        return of_patches.reshape(patches, -1).sum(1).float().cpu().numpy()
