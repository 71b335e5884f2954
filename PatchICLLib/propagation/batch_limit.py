"""Smaller batches where memory is short, instead of no result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from PatchICLLib.runtime.out_of_memory import is_out_of_memory, release_memory

Result = TypeVar("Result")


class BatchLimit:
    """Predicts whole batches until memory runs out, and single slices from then on.

    Attributes:
        reduced: whether memory has run out.
    """

    def __init__(self) -> None:
        self.reduced = False

    def predict(self, batch: Sequence[int], predict: Callable[[Sequence[int]], list[Result]]) -> list[Result]:
        """What ``predict`` gives for a batch of slices, as a whole or slice by slice.

        Raises:
            MemoryError, RuntimeError: memory does not even suffice for one slice.
        """
        if not self.reduced:
            try:
                return predict(batch)
            except (MemoryError, RuntimeError) as error:
                if len(batch) == 1 or not is_out_of_memory(error):
                    raise
            # not in the handler, where the error still holds the batch's tensors
            self.reduced = True
            release_memory()
        return [result for index in batch for result in predict([index])]
