"""What a run will take, said before it starts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .Painting import Painting
from .Parameters import Parameters

# Measured with the bundled network: what the worker holds without a volume, and per voxel of it
# (image, labels, probability, entropy, interpolation and copies in shared memory).
WORKER_BYTES = 500e6
BYTES_PER_VOXEL = 24


@dataclass(frozen=True)
class Estimate:
    """Attributes: slices: most that will be computed; seconds: at the speed of the last run, None before the first;
    gigabytes: of memory, in the worker."""

    slices: int
    seconds: float | None
    gigabytes: float


def estimate(
    painting: Painting, parameters: Parameters, timings: Mapping[str, Any] | None, region=None
) -> Estimate | None:
    """None while nothing is painted. `timings` are those of the last run, if any; `region` first and last voxels."""
    if painting.axis is None or not any(row.area for row in painting.context):
        return None
    count = painting.box.shape[painting.axis]
    painted = [row.index for row in painting.context if row.axis == painting.axis]
    first, last = {
        "auto": (0, count - 1),
        "painted": (min(painted), max(painted)),
        "range": (parameters.firstSlice, min(parameters.lastSlice, count - 1)),
    }[parameters.extent]
    if region is not None:
        first, last = max(first, region[painting.axis][0]), min(last, region[painting.axis][1])
    slices = len(set(range(first, last + 1)) - set(painted))
    seconds = None
    if timings is not None and timings.get("computed_slices"):
        seconds = slices * timings["total_seconds"] / timings["computed_slices"]
    voxels = int(np.prod(painting.box.shape))
    return Estimate(slices, seconds, (WORKER_BYTES + BYTES_PER_VOXEL * voxels) / 1e9)
