"""Seconds of whole propagations, and of their parts."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from PatchICLLib.benchmark.memory import peak_mib, reset_peak
from PatchICLLib.benchmark.scans import PAINTED, Scan
from PatchICLLib.errors import Cancelled
from PatchICLLib.propagation.cancel import CancelToken
from PatchICLLib.propagation.progress import Progress
from PatchICLLib.propagation.propagator import Propagator
from PatchICLLib.runtime.device import resolve_device
from PatchICLLib.runtime.stopwatch import PARTS, Stopwatch, observed
from PatchICLLib.weights import Pretrained, load_weights

COLD, WARM, CORRECTED, OUTPUTS = "cold", "warm", "corrected", "with outputs"
LOADING, REST = "loading", "rest"
_ASKED = frozenset({"entropy", "selections"})  # by the panel, beside labels
_NO_TIME = "no time left"
_MOST_ROUNDS, _ENOUGH = 5, 2.0  # rounds of one propagation, and the seconds after which there are no more


def measure_propagations(
    scans: Sequence[Scan],
    *,
    until: float,
    device: str = "cpu",
    threads: int | None = None,
    weights: str | Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[dict[str, Any]]:
    """Median seconds of propagations from three painted slices, in this process.

    *cold*: the first there is, with loading the weights. *warm*: another, which remembers nothing of it. *corrected*:
    again, after one structure was drawn anew on one slice of *warm*'s result. *with outputs*: *warm* with entropy and
    selections. The first slice is waited for in a run of its own, because telling of every slice takes time.

    Args:
        scans: what to propagate; the first is cold, too.
        until: when to be done, as ``time.time`` counts; what is not done by then is stopped and left out.
        device: torch device.
        threads: of torch on the CPU; None for its default.
        weights: of the engine; None for the bundled ones.
        progress: called with the number of finished propagations and their total.

    Returns:
        Records with model, scan, resolution, slices, labels, context, mode, seconds, first_slice_seconds (None but for
        *warm*), parts (seconds by name; "rest" is none of them, "loading" before *cold*), rounds, peak_mib (of all that
        the scan needed so far), device, threads, and left_out: None, or the reason why there are no seconds.

    Raises:
        InputError: unknown weights or device.
    """
    chosen = resolve_device(device)
    records: list[dict[str, Any]] = []
    pretrained: Pretrained | None = None
    with _threads(threads):
        for scan in scans:
            if time.time() >= until:
                modes = (WARM, CORRECTED, OUTPUTS) if records else (COLD, WARM, CORRECTED, OUTPUTS)
                records += [_record(scan, mode, _Measured(left_out=_NO_TIME), chosen) for mode in modes]
                continue
            bench = _Bench(scan, chosen, until)
            reset_peak(chosen)
            if pretrained is None:
                began = time.perf_counter()
                pretrained = load_weights(weights, None, chosen)
                loading = time.perf_counter() - began
                cold = bench.run(Propagator(pretrained, chosen))
                if cold.seconds is not None and cold.parts is not None:
                    cold = replace(cold, seconds=cold.seconds + loading, parts={LOADING: loading, **cold.parts})
                records.append(_record(scan, COLD, cold, chosen))
            for mode, measured in bench.modes(pretrained):
                records.append(_record(scan, mode, measured, chosen))
                progress(len(records), 1 + 3 * len(scans))
    return records


@dataclass(frozen=True)
class _Measured:
    """One propagation. Attributes: seconds; those of each part; those until the first slice; why it was left out."""

    seconds: float | None = None
    parts: dict[str, float] | None = None
    first_slice: float | None = None
    left_out: str | None = None
    rounds: int = 1


class _Bench:
    """Propagates one scan."""

    def __init__(self, scan: Scan, device: torch.device, until: float) -> None:
        self.image, labels = scan.made()
        self.painted = scan.painted(labels)
        self.corrected = self.painted.copy()
        held = np.flatnonzero((labels == 1).any((1, 2)))
        place = held[len(held) // 4]
        self.corrected[place] = labels[place] == 1
        self.device, self.until = device, until

    def modes(self, pretrained: Pretrained) -> Iterator[tuple[str, _Measured]]:
        """All but *cold*, one after another."""

        def engine() -> Propagator:
            return Propagator(pretrained, self.device)

        warm: list[_Measured] = []
        corrected: list[_Measured] = []
        began = time.time()
        while not warm or (len(warm) < _MOST_ROUNDS and time.time() - began + (warm[0].seconds or _ENOUGH) < _ENOUGH):
            used = engine()
            warm.append(self.run(used))
            if warm[-1].left_out is None:
                corrected.append(self.run(used, self.corrected))
        middle = _median(warm)
        if middle.seconds is None:
            yield from ((mode, middle) for mode in (WARM, CORRECTED, OUTPUTS))
            return
        yield WARM, replace(middle, first_slice=self.first_slice(engine()))
        yield CORRECTED, _median(corrected)
        if time.time() + middle.seconds > self.until:
            yield OUTPUTS, _Measured(left_out=f"{_NO_TIME} for about {middle.seconds:.0f} s")
        else:
            yield OUTPUTS, _median([self.run(engine(), outputs=_ASKED) for _ in range(middle.rounds)])

    def run(
        self,
        engine: Propagator,
        painted: np.ndarray | None = None,
        outputs: frozenset[str] = frozenset(),
    ) -> _Measured:
        """One propagation, from the call until the labels are in the host's memory."""
        if time.time() >= self.until:
            return _Measured(left_out=_NO_TIME)
        watch, began = Stopwatch(self.device), time.perf_counter()
        with self._stopping() as token:
            try:
                with observed(watch):
                    engine.propagate(
                        self.image, self.painted if painted is None else painted, cancel=token, outputs=outputs
                    )
            except Cancelled:
                return _Measured(left_out=f"stopped after {time.perf_counter() - began:.0f} s")
        seconds = time.perf_counter() - began
        parts = dict.fromkeys(PARTS, 0.0)
        for name, spent in watch.seconds().items():
            parts[name.partition("/")[0]] += spent
        return _Measured(seconds, {**parts, REST: max(0.0, seconds - sum(parts.values()))})

    def first_slice(self, engine: Propagator) -> float | None:
        """Seconds until the first slice was told of; then the propagation is stopped."""
        seen: list[float] = []
        with self._stopping() as token, contextlib.suppress(Cancelled):
            began = time.perf_counter()

            def told(progress: Progress) -> None:
                if progress.slice_index is not None and not seen:
                    seen.append(time.perf_counter() - began)
                    token.cancel()

            engine.propagate(self.image, self.painted, cancel=token, progress=told, outputs=frozenset())
        return seen[0] if seen else None

    @contextmanager
    def _stopping(self) -> Iterator[CancelToken]:
        """A token that is canceled when time is up."""
        token = CancelToken()
        timer = threading.Timer(max(0.0, self.until - time.time()), token.cancel)
        timer.start()
        try:
            yield token
        finally:
            timer.cancel()


def _median(rounds: list[_Measured]) -> _Measured:
    """The one in the middle of those that were done, or the first that was not."""
    done = sorted((one for one in rounds if one.seconds is not None), key=lambda one: one.seconds or 0.0)
    return replace(done[len(done) // 2], rounds=len(done)) if done else rounds[0]


def _record(scan: Scan, mode: str, measured: _Measured, device: torch.device) -> dict[str, Any]:
    return {
        "model": "sparse",
        "scan": scan.name,
        "resolution": scan.shape[1],
        "slices": scan.shape[0],
        "labels": scan.labels,
        "context": PAINTED,
        "mode": mode,
        "seconds": measured.seconds,
        "first_slice_seconds": measured.first_slice,
        "parts": measured.parts,
        "rounds": measured.rounds,
        "peak_mib": peak_mib(device),
        "device": str(device),
        "threads": torch.get_num_threads(),
        "left_out": measured.left_out,
    }


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Meanwhile torch computes with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
