"""How many operators of torch a propagation issues: a graphics card needs some microseconds for each."""

import os
from collections import Counter
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile, record_function

from PatchICLLib.benchmark.scans import Scan
from PatchICLLib.evaluation.metrics import dice
from PatchICLLib.propagation.batch_limit import BatchSize
from PatchICLLib.propagation.propagator import Propagator
from PatchICLLib.runtime.stopwatch import observed
from PatchICLLib.weights import load_weights

REST = "rest"
_PART, _OPERATOR = "part:", "aten::"


def count_operators(scan: Scan, batches: str = "card", weights: str | Path | None = None) -> dict[str, Any]:
    """Count those of one propagation from three painted slices, without further outputs.

    It is computed on the CPU. Operators that others call are counted too, as torch's profiler sees them.

    Args:
        scan: what to propagate.
        batches: how much is computed at once: as on a usual "card", or as on the "cpu".
        weights: of the engine; None for the bundled ones.

    Returns:
        A record with scan, labels, batches, operators, parts (operators by the name of the part; "rest" is none of
        them), and dice (the smallest of the labels, over the unpainted slices).
    """
    image, labels = scan.made()
    painted = scan.painted(labels)
    engine = Propagator(load_weights(weights), torch.device("cpu"))
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # or the profiler writes of itself to stderr
    size = BatchSize.of(torch.device("cpu" if batches == "cpu" else "meta"))
    with (
        patch.object(BatchSize, "of", lambda _: size),
        profile(activities=[ProfilerActivity.CPU]) as profiled,
        observed(lambda name: record_function(_PART + name)),
    ):
        result = engine.propagate(image, painted, outputs=frozenset())
    parts = _by_part(profiled)
    free = np.logical_not(painted.any((1, 2)))
    values = range(1, scan.labels + 1)
    return {
        "scan": scan.name,
        "labels": scan.labels,
        "batches": batches,
        "operators": sum(parts.values()),
        "parts": parts,
        "dice": min(dice(labels == value, result.labels == value, free) for value in values),
    }


def _by_part(profiled: profile) -> dict[str, int]:
    """Operators within each part, those of the innermost where one lies in another."""
    assert profiled.profiler is not None and profiled.profiler.kineto_results is not None
    events = [
        (event.start_ns(), -event.duration_ns(), event.name())
        for event in profiled.profiler.kineto_results.events()  # raw: the profiler's own tree of them takes minutes
        if event.name().startswith((_PART, _OPERATOR))
    ]
    counts: Counter[str] = Counter()
    within: list[tuple[int, str]] = []  # when the parts that go on end
    for start, negative, name in sorted(events):
        while within and within[-1][0] <= start:
            within.pop()
        if name.startswith(_PART):
            within.append((start - negative, name.removeprefix(_PART)))
        else:
            counts[within[-1][1] if within else REST] += 1
    return dict(sorted(counts.items()))
