"""Which part of the work is going on, told to whoever observes it: for the seconds of each, or its operators.

While nobody observes, a part costs nothing worth mentioning. Observed is the thread that asked for it, no other.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

import torch

PARTS = ("copy", "sampling", "hints", "network", "refinement", "writing out")

Observer = Callable[[str], AbstractContextManager[object]]
_observer: ContextVar[Observer | None] = ContextVar("observer", default=None)
_unobserved = nullcontext()


def part(name: str) -> AbstractContextManager[object]:
    """Around a part of the work: one of PARTS, or a stage of one, such as "hints/vote". No generator yields within."""
    observer = _observer.get()
    return _unobserved if observer is None else observer(name)


@contextmanager
def observed(observer: Observer) -> Iterator[None]:
    """Meanwhile every part of this thread happens within ``observer(name)`` as well."""
    before = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(before)


class Stopwatch:
    """Seconds of each part, those of parts within it not counted: an observer.

    On CUDA they are the device's, between events in its queue, so that measuring makes nobody wait; elsewhere the
    host's.

    Args:
        device: that computes.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._within: list[str] = []
        self._marks: list[tuple[str | None, Any]] = []  # the part that goes on from then

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        self._within.append(name)
        self._mark()
        try:
            yield
        finally:
            self._within.pop()
            self._mark()

    def seconds(self) -> dict[str, float]:
        """By name, in the order of their beginnings; waits for the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        total: dict[str, float] = defaultdict(float)
        for (name, began), (_, ended) in zip(self._marks, self._marks[1:], strict=False):
            if name is not None:
                total[name] += began.elapsed_time(ended) / 1000 if self.device.type == "cuda" else ended - began
        return dict(total)

    def _mark(self) -> None:
        if self.device.type == "cuda":
            moment: Any = torch.cuda.Event(enable_timing=True)
            moment.record(torch.cuda.current_stream(self.device))
        else:
            moment = time.perf_counter()
        self._marks.append((self._within[-1] if self._within else None, moment))
