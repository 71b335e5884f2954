"""What several answers are worth: how often each is the best, whether their probabilities are true, and what is gained.

Best is the answer of the highest Dice over the slices that were not painted; of equal ones the first.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from PatchICLLib.evaluation.bootstrap import mean_over_groups
from PatchICLLib.evaluation.kept_predictions import KeptPrediction
from PatchICLLib.evaluation.metrics import dice
from PatchICLLib.evaluation.protocol import judged_slices
from PatchICLLib.propagation.candidates.find import Known, find_candidates
from PatchICLLib.propagation.result.propagation_result import PropagationResult

EDGES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)  # of stated probabilities


@dataclass(frozen=True)
class Answers:
    """Answers for one prediction. Attributes: dice, probabilities: of each, the usual answer first."""

    source: str
    case: str
    structure: str
    k: int
    dice: tuple[float, ...]
    probabilities: tuple[float, ...]

    @property
    def best(self) -> int:
        return int(np.argmax(self.dice))


def judged_answers(kept: KeptPrediction, count: int, seed: int, spread: float) -> Answers:
    """Candidates of a prediction, scored. Arguments as of ``find_candidates``."""
    order = (kept.axis, *(axis for axis in range(3) if axis != kept.axis))
    labels, painted, reference, probability = (
        volume.transpose(order) for volume in (kept.labels, kept.painted, kept.reference, kept.probability)
    )
    spacing = [kept.spacing[axis] for axis in order]
    result = PropagationResult(labels.astype(np.uint8), probability, None, None, {})
    known = Known(painted.astype(np.uint8), {1: [(0, z) for z in kept.slices]}, spacing)
    found = find_candidates(result, known, count, seed, spread)
    judged = judged_slices(len(reference), kept.slices)
    scores = tuple(dice(reference, one.labels > 0, judged) for one in found)
    return Answers(kept.source, kept.case, kept.structure, kept.k, scores, tuple(one.probability for one in found))


def summarise_answers(answers: Sequence[Answers], count: int) -> dict[str, Any]:
    """Means over sources with 95 % intervals over predictions, how often each answer is the best, and reliability."""
    torn = [one for one in answers if len(one.dice) > 1]
    said = [(p, number == one.best) for one in torn for number, p in enumerate(one.probabilities)]
    ranks = [[one for one in torn if len(one.dice) > number] for number in range(count)]
    return {
        "predictions": len(answers),
        "answers": {str(n): sum(len(one.dice) == n for one in answers) for n in range(1, count + 1)},
        "by_k": {str(k): _worth([one for one in answers if one.k == k]) for k in sorted({one.k for one in answers})},
        "all": _worth(answers),
        "gained_by_source": {
            source: float(np.mean([max(one.dice) - one.dice[0] for one in answers if one.source == source]))
            for source in sorted({one.source for one in answers})
        },
        "ranks": [
            {
                "answer": number + 1,
                "predictions": len(having),
                "stated": float(np.mean([one.probabilities[number] for one in having])),
                "best": float(np.mean([one.best == number for one in having])),
            }
            for number, having in enumerate(ranks)
            if having
        ],
        "reliability": list(_reliability(said)),
        "log_score": float(np.mean([-np.log(one.probabilities[one.best]) for one in torn])) if torn else None,
        "rows": [asdict(one) for one in answers],
    }


def _worth(answers: Sequence[Answers]) -> dict[str, Any]:
    def estimate(value: Callable[[Answers], float]) -> dict[str, float]:
        groups: dict[str, list[float]] = defaultdict(list)
        for one in answers:
            groups[one.source].append(value(one))
        return mean_over_groups(groups).to_json()

    return {
        "one": estimate(lambda one: one.dice[0]),
        "best_of_all": estimate(lambda one: max(one.dice)),
        "gained": estimate(lambda one: max(one.dice) - one.dice[0]),
        "most_probable": estimate(lambda one: one.dice[int(np.argmax(one.probabilities))]),
    }


def _reliability(said: Sequence[tuple[float, bool]]) -> Iterable[dict[str, float]]:
    """Probabilities that were stated against how often it was so."""
    for low, high in zip(EDGES, EDGES[1:], strict=False):
        inside = [(p, true) for p, true in said if low <= p < high or p == high == EDGES[-1]]
        if inside:
            stated, true = np.mean(np.array(inside, float), axis=0)
            yield {"from": low, "to": high, "answers": len(inside), "stated": float(stated), "best": float(true)}
