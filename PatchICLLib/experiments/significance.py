"""Whether one model is better than another by more than chance: paired over cases, not over their many slices."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import stats

_EQUAL = 1e-9  # means of the same scores may differ by rounding
_RESAMPLES = 1000


@dataclass(frozen=True)
class Comparison:
    """Of the first model minus the second.

    Attributes:
        units: pairs that were compared: means over the examples of one class in one case.
        subjects: independent subjects they come from.
        difference: mean over units.
        low, high: 95 % percentile bootstrap interval of it, subjects drawn with replacement.
        p: two-sided Wilcoxon signed-rank test over subjects' mean differences; 1 if none differs.
        effect_size: Cohen's d of the pairs, mean over standard deviation of the units' differences; None if that is 0.
        better: share of units where the first is better; equal ones count half.
    """

    units: int
    subjects: int
    difference: float
    low: float
    high: float
    p: float
    effect_size: float | None
    better: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def compare(units: Sequence[tuple[str, float, float]]) -> Comparison:
    """Compare two models.

    Args:
        units: subject, score of the first, score of the second; at least one.
    """
    differences = np.array([first - second for _, first, second in units])
    differences[np.abs(differences) < _EQUAL] = 0.0
    by_subject: dict[str, list[float]] = defaultdict(list)
    for (subject, _, _), difference in zip(units, differences, strict=True):
        by_subject[subject].append(float(difference))
    sums = np.array([sum(values) for values in by_subject.values()])
    counts = np.array([len(values) for values in by_subject.values()])
    drawn = np.random.default_rng(0).integers(0, len(sums), (_RESAMPLES, len(sums)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    per_subject = sums / counts
    p = float(stats.wilcoxon(per_subject).pvalue) if np.any(per_subject != 0) else 1.0
    spread = float(differences.std(ddof=1)) if len(differences) > 1 else 0.0
    better = float(np.mean(np.where(differences > 0, 1.0, np.where(differences < 0, 0.0, 0.5))))
    mean = float(differences.mean())
    return Comparison(
        len(units), len(sums), mean, float(low), float(high), p, mean / spread if spread > 0 else None, better
    )
