"""How much is computed at once, and less of it where memory turns out to be short, instead of no result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from PatchICLLib.runtime.device import card_memory
from PatchICLLib.runtime.out_of_memory import is_out_of_memory, release_memory

Item = TypeVar("Item")
Result = TypeVar("Result")

_PIXEL_BYTES = 2**11  # that the network takes for each pixel of its targets, at most
_RUN_BYTES = 2**21  # that vote and motion take for each slice of a run
_KEPT_BYTES = 2**18  # that are kept of each slice of a run
_CPU_KEPT = 4096
_SHARE = 4  # at most a quarter of a card's memory for each of these
_MOST_PIXELS = 128 * 128 * 128  # of targets: what fills the largest card
_MOST_RUNS = 1024
_MOST_CONTEXTS = 64
_CPU_PIXELS = 16 * 128 * 128  # of targets: some tenths of a second on one or two cores,
_CPU_THREADS = 4  # and twice as many on so many


@dataclass(frozen=True)
class BatchSize:
    """How much is computed at once; the same in every run on the same kind of device.

    Attributes:
        pixels: of the network's targets.
        contexts: that these learn from: on the CPU it is quicker to keep to one.
        ahead: whether more than one portion of a gap is predicted at once, although the first may make the rest void.
        first_runs: slices of the runs that are looked at before anything is predicted; those of one gap at least.
        runs: slices of the runs that are looked at together later on.
        kept: slices of runs in memory, beyond which no other gap is begun.
    """

    pixels: int
    contexts: int
    ahead: bool
    first_runs: int
    runs: int
    kept: int

    @classmethod
    def of(cls, device: torch.device) -> BatchSize:
        """For a device: on the CPU a fraction of a second of work, on a card what fills it."""
        if device.type == "cpu":
            pixels = _CPU_PIXELS * (2 if torch.get_num_threads() >= _CPU_THREADS else 1)
            return cls(pixels, 1, False, 1, 256, _CPU_KEPT)
        room = card_memory(device) // _SHARE
        runs = max(1, min(_MOST_RUNS, room // _RUN_BYTES))
        pixels = max(1, min(_MOST_PIXELS, room // _PIXEL_BYTES))
        return cls(pixels, _MOST_CONTEXTS, True, runs, runs, room // _KEPT_BYTES)

    def slices(self, size: int) -> int:
        """Targets of ``size`` pixels a side that are predicted at once; of large ones the network sees less."""
        return max(1, self.pixels // (128 * size))


class BatchLimit:
    """Computes whole batches until memory runs out, and parts from then on.

    Attributes:
        most: items at once; None until memory has run out.
    """

    def __init__(self) -> None:
        self.most: int | None = None

    @property
    def reduced(self) -> bool:
        """Whether memory has run out."""
        return self.most is not None

    def map(self, batch: Sequence[Item], compute: Callable[[Sequence[Item]], Sequence[Result] | None]) -> list[Result]:
        """What ``compute`` gives for the items of a batch, in as many parts as memory makes necessary.

        Raises:
            MemoryError, RuntimeError: memory does not even suffice for one item.
        """
        found: list[Result] = []
        done = 0
        while done < len(batch):
            part = batch[done:] if self.most is None else batch[done : done + self.most]
            try:
                found += compute(part) or ()
                done += len(part)
                continue
            except (MemoryError, RuntimeError) as error:
                if len(part) == 1 or not is_out_of_memory(error):
                    raise
            # not in the handler, where the error still holds the batch's tensors
            self.most = len(part) // 2
            release_memory()
        return found
