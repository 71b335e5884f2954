"""The temperature that makes probabilities true: fitted on development structures, stored with the weights.

Logits are divided by one positive number, which leaves every mask as it is (Guo et al., "On Calibration of Modern
Neural Networks", 2017, section 4.2). It minimises the cross-entropy of the judged voxels around the structures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit

from PatchICLLib.datasets.cases import Case
from PatchICLLib.evaluation.calibration import BINS, Bins, neighbourhood
from PatchICLLib.evaluation.methods import Method
from PatchICLLib.evaluation.painted_structures import painted_structures
from PatchICLLib.evaluation.protocol import judged_slices
from PatchICLLib.evaluation.runner import Settings

_LIMIT = 12.0
_EDGES = np.linspace(-_LIMIT, _LIMIT, 481)
_CENTRES = (_EDGES[:-1] + _EDGES[1:]) / 2
RANGE = (0.2, 5.0)  # of temperatures that are looked for


@dataclass(frozen=True)
class LogitHistogram:
    """How many voxels inside and outside the reference got which logit.

    Attributes:
        inside, outside: (480,) counts in equal bins of -12 to 12; what lies beyond is in the last bins.
    """

    inside: np.ndarray
    outside: np.ndarray

    @classmethod
    def of(cls, probability: np.ndarray, inside: np.ndarray) -> LogitHistogram:
        """Of probabilities (n,) 0 to 1 and the truth (n,) bool."""
        p = np.clip(probability.astype(float), 1e-12, 1 - 1e-12)
        logits = np.clip(np.log(p) - np.log1p(-p), _CENTRES[0], _CENTRES[-1])
        counts = [np.histogram(logits[chosen], _EDGES)[0].astype(float) for chosen in (inside, ~inside)]
        return cls(*counts)

    def cross_entropy(self, temperature: float) -> float:
        """Mean over voxels of ``-log p(truth)`` at a temperature, in nats."""
        scaled = _CENTRES / temperature
        loss = self.inside @ np.logaddexp(0, -scaled) + self.outside @ np.logaddexp(0, scaled)
        return float(loss / (self.inside.sum() + self.outside.sum()))

    def bins(self, temperature: float) -> Bins:
        """Probability against frequency at a temperature."""
        p = expit(_CENTRES / temperature)
        count = self.inside + self.outside
        index = np.minimum((p * BINS).astype(int), BINS - 1)
        parts = [np.bincount(index, weights=w, minlength=BINS) for w in (count, count * p, self.inside)]
        return Bins(*parts)


def fit_temperature(histograms: Sequence[LogitHistogram]) -> float:
    """The temperature of least cross-entropy, every structure counting the same.

    Raises:
        ValueError: there is no structure.
    """
    if not histograms:
        raise ValueError("no structures to fit a temperature on")

    def loss(log_temperature: float) -> float:
        return float(np.mean([h.cross_entropy(float(np.exp(log_temperature))) for h in histograms]))

    found = minimize_scalar(loss, bounds=np.log(RANGE), method="bounded")
    return float(np.exp(found.x))


def expected_calibration_error(histograms: Sequence[LogitHistogram], temperature: float) -> float:
    """Mean over structures of the gap between probability and frequency, 0 to 1."""
    return float(np.mean([h.bins(temperature).gap() for h in histograms]))


def collect_histograms(
    cases: Sequence[Case],
    method: Method,
    settings: Settings,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[LogitHistogram]:
    """Logits of a method on the judged voxels around every structure, for each k and placement.

    Args:
        method: gives probabilities; those of temperature 1 if a temperature is to be fitted.
    """
    found: list[LogitHistogram] = []
    reference, window = None, None
    for one in painted_structures(cases, settings, progress):
        if one.reference is not reference:
            reference, window = one.reference, neighbourhood(one.reference)
        assert window is not None
        predicted = method.predict(one.given)
        if predicted.probability is None:
            raise ValueError(f"{method.name} gives no probabilities")
        judged = judged_slices(one.reference.shape[one.given.axis], one.given.slices)[window[one.given.axis]]
        seen = np.compress(judged, predicted.probability[window], one.given.axis).ravel()
        truth = np.compress(judged, one.reference[window], one.given.axis).ravel()
        if seen.size:
            found.append(LogitHistogram.of(seen, truth))
    return found
