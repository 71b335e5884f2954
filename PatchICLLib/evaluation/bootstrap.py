"""Confidence intervals by resampling structures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """A mean with the bounds of its confidence interval."""

    mean: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        return {"mean": self.mean, "low": self.low, "high": self.high}


def mean_over_groups(groups: Mapping[str, Sequence[float]], resamples: int = 1000, seed: int = 0) -> Estimate:
    """Mean over groups (sources) of the mean within each (structures), with a 95 % percentile bootstrap interval.

    Structures are drawn with replacement within their group; the groups stay as they are, so the interval speaks of
    other structures of these sources, not of other sources.

    Args:
        groups: values of each group; every group holds at least one.
    """
    random = np.random.default_rng(seed)
    arrays = [np.asarray(values, float) for values in groups.values()]
    mean = float(np.mean([values.mean() for values in arrays]))
    drawn = [values[random.integers(0, len(values), (resamples, len(values)))].mean(axis=1) for values in arrays]
    low, high = np.percentile(np.mean(drawn, axis=0), [2.5, 97.5])
    return Estimate(mean, float(low), float(high))
