"""Finished slices of earlier propagations, so that propagating again costs only what changed."""

import threading
from collections import OrderedDict
from dataclasses import replace

import torch

from PatchICLLib.propagation.result.filled_slices import FilledSlices

Remembered = tuple[FilledSlices, ...]
_TINY = 2.0**-24  # the least above 0 in half precision


class ResultMemory:
    """Finished gaps within a number of bytes, the least recently used forgotten first; logits in half precision.

    They stay on the device that computed them: what is remembered need not travel to be fused anew. A first result is
    rounded the same way (see ``rounded``), so that a remembered one is no different.
    """

    def __init__(self, most_bytes: int = 256 * 2**20) -> None:
        self.most_bytes = most_bytes
        self._kept: OrderedDict[bytes, Remembered] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: bytes) -> Remembered | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: bytes, value: Remembered) -> None:
        with self._lock:
            if key in self._kept:
                return
            self._kept[key] = value
            self._bytes += self._size(value)
            while self._bytes > self.most_bytes:
                self._bytes -= self._size(self._kept.popitem(last=False)[1])

    @staticmethod
    def _size(value: Remembered) -> int:
        return sum(f.logits.nbytes + (0 if f.selections is None else f.selections.nbytes) for f in value)


def rounded(filled: FilledSlices) -> FilledSlices:
    """The same slices with their logits in half precision; signs are kept."""
    logits = filled.logits
    small = logits.clamp(-30, 30).half()
    return replace(filled, logits=torch.where((logits > 0) & (small == 0), _TINY, small))
